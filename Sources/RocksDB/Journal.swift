internal import Glibc

/// The write-ahead logs of a database, looked at without it: which one is damaged, where RocksDB only says that one is, and whether
/// anything was written behind that.
///
///     block of 32 KiB:  record … | zeros where fewer than 7 bytes are left
///     record:           checksum u32 | length u16 | kind u8 | payload
///     kind:             1 a whole batch, 2 the beginning of one, 3 what follows, 4 its end
///     batch:            sequence number u64 | rows u32 | …
///
/// The checksum is CRC-32C of kind and payload, rotated right by 15 bits and raised by a constant; numbers are little endian.
/// A log that ends within a record was cut by a crash: nobody was promised what it held.
struct Journal {
    /// The first log file, and the place in it, where what is written cannot have been so; nil where there is none.
    private(set) var damage: String?
    /// Of the batches that begin with a record that is as it was written, the newest one's number.
    private(set) var newestBatch: UInt64 = 0

    private static let blockBytes = 32 << 10
    private static let headerBytes = 7

    init(in directory: String) {
        for name in Journal.names(directory) {
            guard let place = read("\(directory)/\(name)"), damage == nil else { continue }
            damage = "\(directory)/\(name) at byte \(place)"
        }
    }

    private static func names(_ directory: String) -> [String] {
        guard let stream = unsafe opendir(directory) else { return [] }
        defer { unsafe _ = closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name.hasSuffix(".log") { names.append(name) }
        }
        return names.sorted()
    }

    /// The first damaged place of a file.
    private mutating func read(_ path: String) -> Int? {
        guard let scan = Scan(path) else { return nil }
        newestBatch = max(newestBatch, scan.newestBatch)
        return scan.damage
    }

    /// A file's blocks, one after another.
    struct Scan {
        private(set) var damage: Int?
        /// Where the batch that is damaged begins, as far as that is known.
        private(set) var begin = 0
        /// Whether another one begins behind the damage.
        private(set) var isFollowed = false
        private(set) var newestBatch: UInt64 = 0
        /// Where there was no record, and none came since. It may be the end.
        private var gap: Int?
        private var isWithinBatch = false
        private var start = 0

        /// nil for a file that cannot be opened.
        init?(_ path: String) {
            guard let file = unsafe fopen(path, "rb") else { return nil }
            defer { unsafe _ = fclose(file) }
            var block = [UInt8](repeating: 0, count: blockBytes)
            var count = 0
            repeat {
                count = unsafe block.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, blockBytes, file) }
                add(block[..<count])
            } while count == blockBytes
        }

        private mutating func add(_ block: ArraySlice<UInt8>) {
            var place = 0
            while block.count - place >= headerBytes {
                if let kind = Scan.kind(of: block, at: place) {
                    take(kind, block, at: place)
                    place += headerBytes + Scan.length(of: block, at: place)
                } else {
                    // What is whole but not as it was written is damage, whatever follows; the rest is only if something does.
                    if gap == nil {
                        gap = start + place
                        if Scan.isWhole(block, at: place) { note(start + place) }
                    }
                    // The length may be wrong too: the next record may begin anywhere.
                    place += 1
                }
            }
            start += block.count
        }

        private mutating func take(_ kind: UInt8, _ block: ArraySlice<UInt8>, at place: Int) {
            let begins = kind <= 2
            if gap != nil || begins == isWithinBatch { note(gap ?? start + place) }
            gap = nil
            isWithinBatch = kind == 2 || kind == 3
            if begins && damage == nil { begin = start + place }
            if begins && damage != nil { isFollowed = true }
            guard begins, Scan.length(of: block, at: place) >= 12 else { return }
            let number = (0..<8).reduce(UInt64(0)) { $0 | UInt64(block[place + headerBytes + $1]) << UInt64(8 * $1) }
            newestBatch = max(newestBatch, number)
        }

        private mutating func note(_ place: Int) {
            guard damage == nil else { return }
            damage = place
            if !isWithinBatch { begin = place }
        }

        private static func length(of block: ArraySlice<UInt8>, at place: Int) -> Int {
            Int(block[place + 4]) | Int(block[place + 5]) << 8
        }

        /// Something other than zeros, as far as its header says.
        private static func isWhole(_ block: ArraySlice<UInt8>, at place: Int) -> Bool {
            let end = place + headerBytes + length(of: block, at: place)
            let isNothing = block[place..<place + headerBytes].allSatisfy { $0 == 0 }
            return !isNothing && (end <= block.count || block.count == blockBytes)
        }

        /// The kind of the record that begins there; nil where none does.
        private static func kind(of block: ArraySlice<UInt8>, at place: Int) -> UInt8? {
            let end = place + headerBytes + length(of: block, at: place)
            let kind = block[place + 6]
            guard 1...4 ~= kind, end <= block.count else { return nil }
            let stored = (0..<4).reduce(UInt32(0)) { $0 | UInt32(block[place + $1]) << UInt32(8 * $1) }
            let sum = checksum(block[(place + 6)..<end])
            return (sum >> 15 | sum << 17) &+ 0xA282_EAD8 == stored ? kind : nil
        }
    }

    /// CRC-32C.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { sum, byte in table[Int((sum ^ UInt32(byte)) & 0xFF)] ^ sum >> 8 }
    }

    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
    }
}
