internal import CZstd

/// One zstd context for all pages.
@safe
struct Decompressor: ~Copyable, @unchecked Sendable {
    private let context: OpaquePointer

    init() {
        guard let context = unsafe ZSTD_createDCtx() else { fatalError("no memory for a zstd context") }
        unsafe self.context = context
    }

    deinit { unsafe _ = ZSTD_freeDCtx(context) }

    /// One frame, which must have exactly `size` bytes in plain.
    func decompress(_ source: [UInt8], _ range: Range<Int>, size: Int) throws(CorruptBytes) -> [UInt8] {
        guard 0...Bounds.bytesOfPageRead ~= size else { throw CorruptBytes("a page of \(size) bytes") }
        // Look first: memory is taken only for what the frame itself says too.
        let stated = unsafe source.withUnsafeBytes {
            unsafe ZSTD_getFrameContentSize($0.baseAddress! + range.lowerBound, range.count)
        }
        guard !source.isEmpty, stated == UInt64(size) else { throw CorruptBytes("a page's size is not what its header says") }
        var target = [UInt8](repeating: 0, count: size)
        let result = unsafe target.withUnsafeMutableBytes { target in
            unsafe source.withUnsafeBytes { source in
                unsafe ZSTD_decompressDCtx(context, target.baseAddress, size, source.baseAddress! + range.lowerBound, range.count)
            }
        }
        guard ZSTD_isError(result) == 0, result == size else { throw CorruptBytes("a page cannot be decompressed") }
        return target
    }
}
