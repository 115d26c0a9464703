import Testing

@Suite struct LayerTests {
    @Test func everyModuleHasItsPlace() {
        #expect(SourceTree.modules == Set(Layers.modules.keys))
    }

    @Test(arguments: Layers.modules.keys.sorted())
    func arrowsPointDown(_ name: String) throws {
        let module = try #require(Layers.modules[name])
        for other in module.mayImport {
            let layer = try #require(Layers.modules[other], "\(name) may import \(other), which is no module of ours").layer
            #expect(layer < module.layer, "\(name) -> \(other)")
        }
    }

    @Test(arguments: SourceTree.files)
    func importsFollowTheArrows(_ file: SourceFile) throws {
        let module = try #require(Layers.modules[file.module])
        if file.isSwift {
            let allowed = module.mayImport.union(module.packages).union(Layers.system)
            let others = file.imports.subtracting(allowed).sorted()
            #expect(others.isEmpty, "\(file.module) may not import \(others)")
        } else {
            let others = file.imports.intersection(SourceTree.modules).subtracting([file.module]).sorted()
            #expect(others.isEmpty, "\(file.module) may not include \(others)")
        }
    }

    @Test(arguments: SourceTree.files)
    func filesStaySmall(_ file: SourceFile) {
        #expect(file.lineCount <= 400)
    }
}
