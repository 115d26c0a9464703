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
        let lines = text.split(separator: "\n")
        guard isSwift else {
            return Set(lines.compactMap { $0.prefixMatch(of: /\s*#\s*include\s*[<"](\w+)\.h/) }.map { String($0.1) })
        }
        let access = /\s*(?:@\w+\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?/
        return Set(
            lines.compactMap { line in
                let words = line.trimmingPrefix(access).split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
                guard words.first == "import", words.count > 1 else { return nil }
                // `import struct Module.Name` names the module too.
                let kinds = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
                let path = kinds.contains(words[1]) && words.count > 2 ? words[2] : words[1]
                return String(path.prefix { $0 != "." && $0 != ";" })
            })
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

/// An identifier or keyword where it stands.
struct Word {
    var text: String
    /// The word before it, if nothing but a dot or blanks stand between.
    var before: String?
    /// Whether a dot precedes it.
    var isMember: Bool
    /// Whether an opening parenthesis follows it at once.
    var isCalled: Bool
}

extension SourceFile {
    var words: [Word] {
        let code = Array(code.unicodeScalars)
        func isPart(_ scalar: Unicode.Scalar) -> Bool {
            scalar == "_" || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
        }
        var words: [Word] = []
        var position = 0
        var gap = ""
        while position < code.count {
            guard isPart(code[position]) else {
                gap.unicodeScalars.append(code[position])
                position += 1
                continue
            }
            let start = position
            while position < code.count, isPart(code[position]) { position += 1 }
            var text = ""
            text.unicodeScalars.append(contentsOf: code[start..<position])
            let isMember = gap.hasSuffix(".")
            let isNext = gap.allSatisfy { $0 == "." || $0 == " " }
            words.append(
                Word(
                    text: text, before: isNext ? words.last?.text : nil, isMember: isMember,
                    isCalled: position < code.count && code[position] == "("))
            gap = ""
        }
        return words
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
