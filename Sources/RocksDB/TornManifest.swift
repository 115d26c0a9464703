internal import Glibc

/// A manifest of which the last edit came to the disk in part: with holes, as a crash of the machine may leave it.
///
/// It has the form of the journals. An edit is synced before anything is done by it, so without it the database is what it was before;
/// but whether an edit was ever whole cannot be seen, so what is left has to be looked at before the edit is cut off.
public struct TornManifest {
    /// A database to be looked at: the manifest without that edit, beside tables and journals that stay where they are
    /// (`DatabaseOptions.files`).
    public let look: String
    private let path: String
    private let name: String
    private let begin: Int

    /// nil where the manifest is whole, or damaged anywhere else.
    public init?(of directory: String) {
        guard let current = TornManifest.read("\(directory)/CURRENT", count: 64),
            let name = String(decoding: current, as: UTF8.self).split(separator: "\n").first,
            let scan = Journal.Scan("\(directory)/\(name)"), scan.damage != nil, !scan.isFollowed, scan.begin > 0
        else { return nil }
        self.name = String(name)
        path = directory
        look = "\(directory)/look"
        begin = scan.begin
    }

    /// Makes the database to be looked at; false where that cannot be.
    public func makeLook() -> Bool {
        guard let bytes = TornManifest.read("\(path)/\(name)", count: begin), bytes.count == begin,
            unsafe mkdir(look, 0o777) == 0 || errno == EEXIST
        else { return false }
        return TornManifest.write(bytes, to: "\(look)/\(name)")
            && TornManifest.write(Array("\(name)\n".utf8), to: "\(look)/CURRENT")
    }

    public func removeLook() {
        for name in [name, "CURRENT"] { unsafe unlink("\(look)/\(name)") }
        unsafe rmdir(look)
    }

    /// Cuts the edit off, for good.
    public func cut() throws(RocksDBError) {
        let file = "\(path)/\(name)"
        let descriptor = unsafe open(file, O_WRONLY | O_CLOEXEC)
        defer { if descriptor >= 0 { _ = close(descriptor) } }
        guard descriptor >= 0, ftruncate(descriptor, off_t(begin)) == 0, fsync(descriptor) == 0 else {
            throw RocksDBError(
                kind: .inputOutput, operation: "open", path: path,
                message: unsafe "IO error: While cutting \(file): \(String(cString: strerror(errno)))")
        }
    }

    private static func read(_ path: String, count: Int) -> [UInt8]? {
        guard let file = unsafe fopen(path, "rb") else { return nil }
        defer { unsafe _ = fclose(file) }
        var bytes = [UInt8](repeating: 0, count: count)
        let got = unsafe bytes.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, count, file) }
        return Array(bytes[..<got])
    }

    private static func write(_ bytes: [UInt8], to path: String) -> Bool {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return false }
        defer { _ = close(descriptor) }
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }
}
