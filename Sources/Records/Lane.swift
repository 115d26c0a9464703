private import Glibc

private let largePageBytes = 2 << 20

/// A run of trivially copyable elements: the one place where the data path touches bare memory.
///
/// A lane does not own its memory; who allocated it deallocates it. Bounds are checked in debug builds only.
@safe @frozen
public struct Lane<Element: BitwiseCopyable>: BitwiseCopyable, @unchecked Sendable {
    @usableFromInline let base: UnsafeMutablePointer<Element>
    #if DEBUG
        @usableFromInline let count: Int
    #endif

    @inlinable
    public init(_ base: UnsafeMutablePointer<Element>, count: Int) {
        unsafe self.base = base
        #if DEBUG
            precondition(UInt(bitPattern: base) % UInt(MemoryLayout<Element>.alignment) == 0, "a lane is aligned to its elements")
            self.count = count
        #endif
    }

    /// Uninitialised memory for `count` elements, on a cache line's boundary.
    @inlinable
    public static func allocate(_ count: Int) -> Lane {
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * MemoryLayout<Element>.stride, alignment: 64)
        return unsafe Lane(bytes.assumingMemoryBound(to: Element.self), count: count)
    }

    @inlinable
    public static func allocate(_ count: Int, repeating value: Element) -> Lane {
        let lane = allocate(count)
        unsafe lane.base.initialize(repeating: value, count: count)
        return lane
    }

    /// Uninitialised memory in the system's large pages where it has them, aligned to those: for tables that are looked up at
    /// random, where the walk to a small page costs as much as the look.
    public static func allocate(_ count: Int, inLargePages: Bool) -> Lane {
        let bytes = count * MemoryLayout<Element>.stride
        guard inLargePages, bytes >= largePageBytes else { return allocate(count) }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: largePageBytes)
        // Where the system refuses, small pages do.
        unsafe _ = madvise(memory, bytes, MADV_HUGEPAGE)
        return unsafe Lane(memory.assumingMemoryBound(to: Element.self), count: count)
    }

    @inlinable
    public func deallocate() { unsafe base.deallocate() }

    @inlinable
    public subscript(_ index: Int) -> Element {
        @inline(__always) get {
            #if DEBUG
                precondition(index >= 0 && index < count)
            #endif
            return unsafe base[index]
        }
        @inline(__always) nonmutating set {
            #if DEBUG
                precondition(index >= 0 && index < count)
            #endif
            unsafe base[index] = newValue
        }
    }

    /// Moves `count` elements within the lane; the ranges may overlap.
    @inlinable
    public func move(from source: Int, to target: Int, count: Int) {
        unsafe (base + target).update(from: base + source, count: count)
    }

    /// Copies `count` elements of another lane; the ranges may not overlap.
    @inlinable
    public func copy(from other: Lane, at source: Int, to target: Int, count: Int) {
        unsafe (base + target).update(from: other.base + source, count: count)
    }

    @unsafe @inlinable
    public var pointer: UnsafeMutablePointer<Element> { unsafe base }
}
