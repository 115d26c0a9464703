internal import CZstd

/// One zstd context, whose tables are reused from page to page.
@safe
struct Compressor: ~Copyable, @unchecked Sendable {
    private let context: OpaquePointer

    /// Requires: a level that zstd knows.
    init(level: Int32) {
        guard let context = unsafe ZSTD_createCCtx() else { fatalError("no memory for a zstd context") }
        let result = unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        precondition(ZSTD_isError(result) == 0, "zstd refuses compression level \(level)")
        unsafe self.context = context
    }

    deinit { unsafe ZSTD_freeCCtx(context) }

    /// Replaces what `target` holds by one zstd frame.
    func compress(_ source: borrowing ByteBuffer, into target: inout ByteBuffer, path: String) throws(ParquetError) {
        target.removeAll()
        let bound = ZSTD_compressBound(source.count)
        let size = unsafe ZSTD_compress2(context, target.reserve(bound), bound, source.base, source.count)
        guard ZSTD_isError(size) == 0 else {
            throw unsafe ParquetError(.compress, path, reason: String(cString: ZSTD_getErrorName(size)))
        }
        target.advance(by: size)
    }
}
