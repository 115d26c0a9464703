import Foundation
import Testing

/// Package.swift declares what the files import, no more and no less: SwiftPM itself lets a transitive import pass.
@Suite struct ManifestTests {
    static let declared: [String: Set<String>] = {
        let text = try! String(contentsOf: SourceTree.root.appending(path: "Package.swift"), encoding: .utf8)
        var declared: [String: Set<String>] = [:]
        for start in text.matches(of: /(?m)^ +(?:layer|\.executableTarget|\.target)\(/) {
            let body = arguments(text[start.range.upperBound...])
            let products = body.matches(of: /\.product\(name: "(\w+)", package: "[^"]*"\)/).map { String($0.1) }
            // Settings of the compiler and linker come last and have strings of their own.
            let targets = body.replacing(/\.product\([^)]*\)/, with: "").replacing(
                /(?s)(?:swift|cxx|linker)Settings:.*/, with: "")
            let names = targets.matches(of: /"(\w+)"/).map { String($0.1) }
            guard let name = names.first else { continue }
            declared[name] = Set(names.dropFirst()).union(products)
        }
        return declared
    }()

    /// Up to the parenthesis that closes the call.
    private static func arguments(_ text: Substring) -> String {
        var depth = 1
        let end = text.firstIndex { character in
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            return depth == 0
        }
        return String(text[..<(end ?? text.endIndex)])
    }

    @Test(arguments: SourceTree.modules.sorted())
    func dependenciesAreTheImports(_ module: String) throws {
        let declared = try #require(Self.declared[module], "Package.swift has no target \(module)")
        let files = SourceTree.files.filter { $0.module == module && $0.isSwift }
        let imported = files.reduce(into: Set<String>()) { $0.formUnion($1.imports) }.subtracting(Layers.system)
        // The executable names all that it puts together, imported or not.
        if module != "freshet" { #expect(declared.subtracting(imported).sorted() == [], "declared and not imported") }
        #expect(imported.subtracting(declared).sorted() == [], "imported and not declared")
    }
}
