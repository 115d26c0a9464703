import Foundation
import Testing

/// Stored bytes that may not change unnoticed: hexadecimal, 32 bytes a line. `FRESHET_UPDATE_GOLDEN=1` writes them anew.
enum Golden {
    static func check(_ bytes: [UInt8], _ name: String, test: String = #filePath) throws {
        let file = URL(fileURLWithPath: test).deletingLastPathComponent().appendingPathComponent("Golden/\(name).hex")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 32) {
            for byte in bytes[start..<min(bytes.count, start + 32)] { text += (byte < 16 ? "0" : "") + String(byte, radix: 16) }
            text += "\n"
        }
        if ProcessInfo.processInfo.environment["FRESHET_UPDATE_GOLDEN"] == "1" {
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == text, "\(name): the stored form has changed")
    }
}
