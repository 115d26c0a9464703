import Glibc
import RocksDB
import Testing

/// A directory of its own for one test, removed with everything in it at the end.
@safe
final class Scratch {
    let path: String

    init() {
        let template = unsafe strdup("/tmp/rocksdb-tests-XXXXXX")!
        path = unsafe String(cString: mkdtemp(template))
        unsafe free(template)
    }

    deinit { unsafe _ = system("rm -rf '\(path)'") }

    var database: String { path + "/db" }

    /// The files of a directory whose names end so, in order.
    static func files(_ directory: String, ending suffix: String) -> [String] {
        guard let stream = unsafe opendir(directory) else { return [] }
        defer { unsafe _ = closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name.hasSuffix(suffix) { names.append(name) }
        }
        return names.sorted()
    }

    /// A copy of a database as a crash of its process would leave it.
    func copy(_ source: String, to name: String) -> String {
        let target = path + "/" + name
        let copied = unsafe system("cp -r '\(source)' '\(target)'")
        precondition(copied == 0)
        return target
    }
}

/// What a table is tested against.
struct Model: Equatable {
    var rows: [[UInt8]: [UInt8]] = [:]

    func scan(_ isIn: ([UInt8]) -> Bool) -> [Row] {
        rows.filter { isIn($0.key) }.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { Row(key: $0.key, value: $0.value) }
    }
}

struct Row: Equatable {
    var key: [UInt8]
    var value: [UInt8]
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func bigEndian(_ number: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } }
func littleEndian(_ number: Int64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }

func openError(_ path: String, _ options: DatabaseOptions = DatabaseOptions()) -> RocksDBError? {
    do throws(RocksDBError) {
        _ = try Database(path: path, options: options)
        return nil
    } catch {
        return error
    }
}

// Arrays for tests; the wrapper itself takes and lends bare bytes.

extension WriteBatch {
    mutating func put(_ key: [UInt8], _ value: [UInt8]) {
        unsafe key.withUnsafeBytes { key in unsafe value.withUnsafeBytes { unsafe put(key, $0) } }
    }

    mutating func delete(_ key: [UInt8]) { unsafe key.withUnsafeBytes { unsafe delete($0) } }

    mutating func deleteRange(_ lower: [UInt8], _ upper: [UInt8]) {
        unsafe lower.withUnsafeBytes { lower in unsafe upper.withUnsafeBytes { unsafe deleteRange(from: lower, to: $0) } }
    }
}

extension Database {
    func put(_ rows: [([UInt8], [UInt8])], sync: Bool = false) throws(RocksDBError) {
        var batch = WriteBatch()
        for (key, value) in rows { batch.put(key, value) }
        try write(batch, sync: sync)
    }

    func value(_ key: [UInt8]) throws -> [UInt8]? {
        try unsafe key.withUnsafeBytes { key in try unsafe get(key) { unsafe $0.map { unsafe Array($0) } } }
    }

    func values(_ keys: [[UInt8]], caching: Bool = true) throws -> [[UInt8]?] {
        var list = KeyList(keysExpected: 1, bytesExpected: 1)
        for key in keys { unsafe key.withUnsafeBytes { unsafe list.append($0) } }
        var values: [[UInt8]?] = []
        try unsafe multiGet(list, caching: caching) { index, value in
            precondition(index == values.count)
            unsafe values.append(value.map { unsafe Array($0) })
        }
        return values
    }

    func rows(prefix: [UInt8]) throws -> [Row] {
        var rows: [Row] = []
        try unsafe prefix.withUnsafeBytes { prefix in
            try unsafe scan(prefix: prefix) { key, value in
                unsafe rows.append(Row(key: Array(key), value: Array(value)))
                return true
            }
        }
        return rows
    }

    func rows(from lower: [UInt8] = [], to upper: [UInt8]? = nil, limit: Int = .max) throws -> [Row] {
        var rows: [Row] = []
        try unsafe lower.withUnsafeBytes { lower in
            let body = { (key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) throws(RocksDBError) -> Bool in
                unsafe rows.append(Row(key: Array(key), value: Array(value)))
                return rows.count < limit
            }
            if let upper {
                try unsafe upper.withUnsafeBytes { try unsafe scan(from: lower, to: $0, caching: false, body) }
            } else {
                try unsafe scan(from: lower, to: nil, body)
            }
        }
        return rows
    }

    func compactAll() throws(RocksDBError) { try unsafe compact(from: nil, to: nil) }
}
