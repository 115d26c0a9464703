internal import Glibc

/// The few things that the log does with folders and names.
public enum Folder {
    /// Makes a folder and those above it.
    public static func make(_ path: String) throws(HistoryError) {
        var made = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            made += made.isEmpty || made.hasSuffix("/") ? part : "/" + part
            if unsafe mkdir(made, 0o777) != 0 && errno != EEXIST { throw HistoryError(cannot: "make folder", made) }
        }
    }

    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    public static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// All files below a folder whose names end so, sorted by their paths; none of hidden files or folders, nor of those of our
    /// own that begin with `_`.
    public static func files(below path: String, ending: String) -> [String] {
        var found: [String] = []
        for name in names(path) where !name.hasPrefix(".") && !name.hasPrefix("_") {
            let inside = "\(path)/\(name)"
            if isFolder(inside) {
                found += files(below: inside, ending: ending)
            } else if name.hasSuffix(ending) {
                found.append(inside)
            }
        }
        return found.sorted()
    }

    static func rename(_ old: String, to new: String) throws(HistoryError) {
        if unsafe Glibc.rename(old, new) != 0 { throw HistoryError(cannot: "rename to", new) }
    }

    /// Removes a file; one that is not there is fine.
    static func remove(_ path: String) throws(HistoryError) {
        if unsafe unlink(path) != 0 && errno != ENOENT { throw HistoryError(cannot: "remove", path) }
    }

    /// The names in a folder, sorted; none where the folder is not there.
    public static func names(_ path: String) -> [String] {
        guard let stream = unsafe opendir(path) else { return [] }
        defer { unsafe _ = closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Waits until a folder's names are on disk.
    public static func sync(_ path: String) throws(HistoryError) {
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw HistoryError(cannot: "open", path) }
        defer { _ = close(descriptor) }
        if fsync(descriptor) != 0 { throw HistoryError(cannot: "sync", path) }
    }

    /// As `sync`, for a folder and those above it up to and with `top`: a file's name lasts only if those of its folders do.
    public static func sync(_ path: String, upTo top: String) throws(HistoryError) {
        var path = path
        try sync(path)
        while path != top, let slash = path.lastIndex(of: "/") {
            path = String(path[..<slash])
            try sync(path)
        }
    }

    /// Makes a folder and those above it, and waits until the names of all that were not there are on disk, and its own in any case.
    public static func makeLasting(_ path: String) throws(HistoryError) {
        var made = path
        while made.count > 1 && made.hasSuffix("/") { made.removeLast() }
        var parents: [String] = []
        repeat {
            let slash = made.lastIndex(of: "/")
            let parent = slash.map { $0 == made.startIndex ? "/" : String(made[..<$0]) } ?? "."
            parents.append(parent)
            made = parent
        } while made.contains("/") && !exists(made)
        try make(path)
        // Those that we may not even look into were made by others, long before.
        for parent in parents where unsafe access(parent, R_OK) == 0 { try sync(parent) }
    }
}
