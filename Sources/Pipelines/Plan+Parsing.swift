import Records

extension Plan {
    /// Reads and checks a pipeline file.
    /// - Parameters:
    ///   - text: the file's YAML.
    ///   - file: what errors call it.
    /// - Throws: everything that is wrong with it, in the order of lines.
    public init(parsing text: String, file: String) throws(PipelineErrors) {
        let document = YAMLDocument(text, file: file)
        let reader = PipelineReader(file: file, text: document.text, errors: document.errors)
        let plan = document.root.flatMap { reader.plan($0) }
        guard let plan, reader.errors.isEmpty else { throw PipelineErrors(errors: reader.sortedErrors) }
        self = plan
        self.text = text
    }
}

extension PipelineReader {
    /// nil only with an error reported.
    func plan(_ root: YAMLNode) -> Plan? {
        let owner = "the pipeline"
        guard let keys = mapping(root, of: owner, keys: ["pipeline", "version", "sources", "views"]) else { return nil }
        for key in ["pipeline", "version", "sources", "views"] where keys[key] == nil {
            reportMissing(key, of: owner, in: root, at: root.position)
        }
        let name = keys["pipeline"].flatMap { pipelineName($0) }
        let version = keys["version"].flatMap { self.version($0) }
        var sources: [CheckedSource] = []
        if let node = keys["sources"], let entries = names(node, of: "'sources'", max: Limits.entriesMax) {
            for entry in entries where checkName(entry.key, of: "a source") {
                sources.append(source(entry.value, entry.key))
            }
        }
        var views: [ViewPlan] = []
        if let node = keys["views"], let entries = names(node, of: "'views'", max: Limits.entriesMax) {
            for entry in entries where checkViewName(entry.key) {
                if let view = view(entry.value, entry.key, &sources) { views.append(view) }
            }
        }
        guard errors.isEmpty, let name, let version else { return nil }
        return Plan(pipeline: name, version: version, sources: sources.compactMap(\.plan), views: views)
    }

    private func pipelineName(_ node: YAMLNode) -> String? {
        guard let scalar = scalar(node, of: "'pipeline'", expected: "a name"), checkName(scalar, of: "a pipeline") else {
            return nil
        }
        return scalar.text
    }

    private func version(_ node: YAMLNode) -> Int? {
        guard let scalar = scalar(node, of: "'version'", expected: "an integer from 1") else { return nil }
        if let version = Int(scalar.text), version >= 1, scalar.style == .plain { return version }
        report(scalar.position, "'version' is '\(scalar.text)'", expected: "an integer from 1")
        return nil
    }

    private func checkViewName(_ key: YAMLScalar) -> Bool {
        guard checkName(key, of: "a view") else { return false }
        // Folders that begin with an underscore are hidden from most readers of the offline log.
        if key.text.hasPrefix("_") {
            report(key.position, "'\(key.text)' is no name for a view", expected: "a letter first")
            return false
        }
        return true
    }
}
