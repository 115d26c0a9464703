import Foundation

/// Stored bytes that may not change unnoticed: hexadecimal, 32 bytes a line. `FRESHET_UPDATE_GOLDEN=1` writes them anew.
public enum Golden {
    /// Whether the bytes are those of `Golden/<name>.hex` beside the test.
    public static func matches(_ bytes: [UInt8], _ name: String, test: String = #filePath) throws -> Bool {
        let file = URL(fileURLWithPath: test).deletingLastPathComponent().appendingPathComponent("Golden/\(name).hex")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 32) {
            for byte in bytes[start..<min(bytes.count, start + 32)] { text += (byte < 16 ? "0" : "") + String(byte, radix: 16) }
            text += "\n"
        }
        if ProcessInfo.processInfo.environment["FRESHET_UPDATE_GOLDEN"] == "1" {
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        return try String(contentsOf: file, encoding: .utf8) == text
    }
}
