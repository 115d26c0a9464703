import Foundation
import Testing

/// A file under `Sources/`, as text.
struct SourceFile: CustomTestStringConvertible, Sendable {
    /// From the package's root.
    let path: String
    let module: String
    let text: String

    var testDescription: String { path }
    var isSwift: Bool { path.hasSuffix(".swift") }
    var lineCount: Int { text.split(separator: "\n", omittingEmptySubsequences: false).count - 1 }

    /// The modules that the file imports, or, in C and C++, the other headers of ours that it includes.
    var imports: Set<String> {
        let pattern = isSwift ? /(?m)^[ \t]*(?:@\w+[ \t]+)*(?:(?:public|package|internal|fileprivate|private)[ \t]+)?import[ \t]+(?:(?:struct|class|enum|protocol|func|var|let|typealias)[ \t]+)?(\w+)/ : /(?m)^[ \t]*#[ \t]*include[ \t]*[<"](\w+)\.h/
        return Set(text.matches(of: pattern).map { String($0.1) })
    }

    /// The text without comments and without what stands in string literals.
    var code: String {
        var text = text
        text.replace(/\/\/[^\n]*/, with: "")
        text.replace(/(?s)\/\*.*?\*\//, with: "")
        text.replace(/(?s)"""\n.*?"""/, with: "\"\"")
        text.replace(/"(?:\\.|[^"\\\n])*"/, with: "\"\"")
        return text
    }
}

enum SourceTree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static let files: [SourceFile] = {
        let sources = root.appending(path: "Sources")
        let paths = FileManager.default.enumerator(atPath: sources.path)!.compactMap { $0 as? String }.sorted()
        return paths.compactMap { path in
            guard ["swift", "c", "cpp", "h", "hpp"].contains(URL(filePath: path).pathExtension) else { return nil }
            let text = try! String(contentsOf: sources.appending(path: path), encoding: .utf8)
            return SourceFile(path: "Sources/\(path)", module: String(path.prefix { $0 != "/" }), text: text)
        }
    }()

    static let modules = Set(files.map(\.module))
}
