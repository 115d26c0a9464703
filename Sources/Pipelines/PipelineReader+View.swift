import Records

extension PipelineReader {
    private static let viewKeys = ["source", "entity", "where", "snapshots", "serve_at", "bounds", "resolution", "features"]
    /// Columns of the offline log that are not the file's own.
    static let reservedColumns: Set<String> = ["event_timestamp", "created", "partition", "offset"]

    /// nil only with an error reported.
    func view(_ node: YAMLNode, _ name: YAMLScalar, _ sources: inout [CheckedSource]) -> ViewPlan? {
        let owner = "view '\(name.text)'"
        guard let keys = mapping(node, of: owner, keys: Self.viewKeys) else { return nil }
        for key in ["source", "entity", "features"] where keys[key] == nil {
            reportMissing(key, of: owner, in: node, at: name.position)
        }
        let snapshots = keys["snapshots"].map { word($0, of: "snapshots", as: SnapshotMode.self) } ?? .final
        let serveAt = keys["serve_at"].map { word($0, of: "serve_at", as: ServeAt.self) } ?? .now
        let bounds = keys["bounds"].map { word($0, of: "bounds", as: WindowBounds.self) } ?? .openClosed
        guard let position = keys["source"].flatMap({ sourcePosition($0, sources) }) else { return nil }

        let source = sources[position]
        let checker = ExpressionChecker(source: source.name, fields: source.fields, positions: source.positions)
        let entity = keys["entity"].flatMap { self.entity($0, source) }
        // Without all fields, every name in an expression might be one of the missing.
        guard source.hasAllFields else { return nil }
        let condition = keys["where"].flatMap { self.condition($0, of: "'where'", checker) }
        let resolution = keys["resolution"].map { self.resolution($0) } ?? .some(nil)
        var features = FeatureReader(
            reader: self, checker: checker, resolution: resolution ?? nil, late: source.late,
            takenNames: Self.reservedColumns.union((entity ?? []).map { source.fields[$0].name }))
        if let node = keys["features"] { features.read(node) }
        guard let entity, let snapshots, let serveAt, let bounds, resolution != nil else { return nil }

        for field in entity { sources[position].store(field) }
        for expression in [condition].compactMap(\.self)
            + features.inputs.flatMap({ [$0.argument, $0.condition].compactMap(\.self) })
        {
            expression.forEachField { sources[position].store($0) }
        }
        var view = ViewPlan(
            name: name.text, source: position, entity: entity, condition: condition, snapshots: snapshots, serveAt: serveAt,
            bounds: bounds, inputs: features.inputs, values: features.values,
            isPartitionedByEntity: source.key.map(entity.contains) ?? false)
        if source.late == .apply {
            view.lateReach = view.retention ?? .endless
            view.keepsOrder = snapshots == .final
        }
        return view
    }

    private func sourcePosition(_ node: YAMLNode, _ sources: [CheckedSource]) -> Int? {
        guard let scalar = scalar(node, of: "'source'", expected: "a source's name") else { return nil }
        if let position = sources.firstIndex(where: { $0.name == scalar.text }) { return position }
        let names = sources.map(\.name)
        report(
            scalar.position, "unknown source '\(scalar.text)'",
            expected: names.isEmpty ? "a source" : "one of \(names.prefix(8).joined(separator: ", "))",
            suggestion: nearestName(to: scalar.text, among: names))
        return nil
    }

    private func entity(_ node: YAMLNode, _ source: CheckedSource) -> [Int]? {
        guard let nodes = list(node, of: "'entity'") else { return nil }
        var entity: [Int] = []
        for node in nodes {
            guard let field = declaredField(node, of: "part of an entity", in: source, allowed: isEntityType) else { continue }
            if entity.contains(field) {
                report(node.position, "'\(source.fields[field].name)' stands twice in the entity", expected: "each field once")
            } else if Self.reservedColumns.contains(source.fields[field].name) {
                report(
                    node.position, "'\(source.fields[field].name)' is a column of every offline log",
                    expected: "an entity's field with another name")
            } else {
                entity.append(field)
            }
        }
        return entity.count == nodes.count ? entity : nil
    }

    func condition(_ node: YAMLNode, of owner: String, _ checker: ExpressionChecker) -> Expression? {
        guard let scalar = scalar(node, of: owner, expected: "a condition, as in amount > 0") else { return nil }
        do throws(ExpressionError) {
            return try checker.condition(ExpressionParser.parse(scalar.text))
        } catch {
            report(error, in: scalar)
            return nil
        }
    }
}
