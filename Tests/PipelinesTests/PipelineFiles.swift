import Glibc

/// The pipeline files that ship with the sources.
enum PipelineFiles {
    static func read(_ name: String, test: String = #filePath) -> String {
        let root = test.split(separator: "/").dropLast(3).joined(separator: "/")
        let path = "/\(root)/pipelines/\(name)"
        guard let file = unsafe fopen(path, "r") else { fatalError("no file \(path)") }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        while true {
            let byte = unsafe getc(file)
            if byte == EOF { break }
            bytes.append(UInt8(byte))
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
