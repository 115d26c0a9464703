internal import Glibc

/// The write-ahead logs of a database, looked at without it: which one is damaged, where RocksDB only says that one is.
///
///     block of 32 KiB:  record … | zeros where fewer than 7 bytes are left
///     record:           checksum u32 | length u16 | kind u8 | payload
///
/// The checksum is CRC-32C of kind and payload, rotated right by 15 bits and raised by a constant; numbers are little endian.
/// A log that ends within a record was cut by a crash: nobody was promised what it held.
enum Journal {
    private static let blockBytes = 32 << 10
    private static let headerBytes = 7

    /// The first log file, and the place in it, whose checksum is wrong; nil where none is.
    static func firstDamage(in directory: String) -> String? {
        for name in names(directory) {
            guard let offset = damage(in: "\(directory)/\(name)") else { continue }
            return "\(directory)/\(name) at byte \(offset)"
        }
        return nil
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

    private static func damage(in path: String) -> Int? {
        guard let file = unsafe fopen(path, "rb") else { return nil }
        defer { unsafe _ = fclose(file) }
        var block = [UInt8](repeating: 0, count: blockBytes)
        var start = 0
        while true {
            let count = unsafe block.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, blockBytes, file) }
            if let place = damage(in: block[..<count]) { return start + place }
            if count < blockBytes { return nil }
            start += blockBytes
        }
    }

    private static func damage(in block: ArraySlice<UInt8>) -> Int? {
        var place = block.startIndex
        while block.endIndex - place >= headerBytes {
            let stored = (0..<4).reduce(UInt32(0)) { $0 | UInt32(block[place + $1]) << UInt32(8 * $1) }
            let length = Int(block[place + 4]) | Int(block[place + 5]) << 8
            // What was allocated ahead and not written.
            if stored == 0 && length == 0 && block[place + 6] == 0 { return nil }
            let end = place + headerBytes + length
            guard end <= block.endIndex else { return block.count < blockBytes ? nil : place - block.startIndex }
            let sum = checksum(block[(place + 6)..<end])
            if (sum >> 15 | sum << 17) &+ 0xA282_EAD8 != stored { return place - block.startIndex }
            place = end
        }
        return nil
    }

    /// CRC-32C.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { sum, byte in table[Int((sum ^ UInt32(byte)) & 0xFF)] ^ sum >> 8 }
    }

    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
    }
}
