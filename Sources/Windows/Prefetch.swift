internal import CKernels
public import Records

/// Asking for memory ahead of its use: what is not asked for costs a wait of some 190 ns where the entities are many.
public enum Prefetch {
    static let lineBytes = 64

    @inline(__always)
    static func line(_ address: UInt) { unsafe kernel_prefetch(UnsafeRawPointer(bitPattern: address)) }

    /// The line of a lane's element.
    @inline(__always)
    public static func element<Element>(_ index: Int, of lane: Lane<Element>) {
        unsafe kernel_prefetch(UnsafeRawPointer(lane.pointer + index))
    }
}

extension Chunk {
    /// Asks for the lines of all lanes, as far as they are filled. Requires: the header's line has come.
    @inline(__always)
    func prefetch(_ layout: LogLayout) {
        var address = unsafe UInt(bitPattern: base)
        let used = bytesOfLanes(layout)
        let end = address &+ UInt(min(used, Chunk.prefetchMax))
        // The first two were asked for with the log's head.
        address &+= 2 &* UInt(Prefetch.lineBytes)
        while address < end {
            Prefetch.line(address)
            address &+= UInt(Prefetch.lineBytes)
        }
    }

    /// More than so much is left to the processor, which sees a run.
    private static let prefetchMax = 1024
}
