import Records

/// A source's name and declared fields, for the views that read it; the whole plan if nothing is wrong with it.
struct CheckedSource {
    var name: String
    var fields: [RecordField]
    /// Position by name.
    var positions: [String: Int]
    /// Whether all of the declared fields are known; names that are not are no error of a view's then.
    var hasAllFields: Bool
    var key: Int?
    var late = LateEvents.drop
    var plan: SourcePlan?

    mutating func store(_ position: Int) {
        plan?.fields[position].stored = true
    }
}

extension PipelineReader {
    private static let sourceKeys = [
        "topic", "format", "key", "event_time", "out_of_orderness", "idle_timeout", "max_ahead", "late", "archive", "fields",
    ]

    func source(_ node: YAMLNode, _ name: YAMLScalar) -> CheckedSource {
        let owner = "source '\(name.text)'"
        var source = CheckedSource(name: name.text, fields: [], positions: [:], hasAllFields: false)
        guard let keys = mapping(node, of: owner, keys: Self.sourceKeys) else { return source }
        for key in ["topic", "format", "event_time", "fields"] where keys[key] == nil {
            reportMissing(key, of: owner, in: node, at: name.position)
        }

        if let node = keys["fields"] { readFields(node, owner, &source) }
        let topic = keys["topic"].flatMap { self.topic($0) }
        let format = keys["format"].flatMap { word($0, of: "format", as: SourcePlan.Format.self) }
        source.key = keys["key"].flatMap { declaredField($0, of: "'key'", in: source, allowed: isEntityType) }
        let eventTime = keys["event_time"].flatMap { self.eventTime($0, &source) }
        let outOfOrderness = keys["out_of_orderness"].map { duration($0, of: "'out_of_orderness'") } ?? .zero
        let idleTimeout = keys["idle_timeout"].map { duration($0, of: "'idle_timeout'") } ?? .seconds(30)
        let maxAhead = keys["max_ahead"].map { duration($0, of: "'max_ahead'") } ?? .seconds(3600)
        let late = keys["late"].map { word($0, of: "late", as: LateEvents.self) } ?? .drop
        source.late = late ?? .drop
        let archive = keys["archive"].map { word($0, of: "archive", as: Answer.self).map { $0 == .true } } ?? false
        guard let topic, let format, let eventTime, let outOfOrderness, let idleTimeout, let maxAhead, let late, let archive,
            source.hasAllFields
        else { return source }
        source.plan = SourcePlan(
            name: name.text, topic: topic, format: format, fields: source.fields, key: source.key, eventTime: eventTime,
            outOfOrderness: outOfOrderness, idleTimeout: idleTimeout, maxAhead: maxAhead,
            archive: archive, late: late)
        source.store(eventTime)
        if let key = source.key { source.store(key) }
        return source
    }

    /// Kafka's rule for a topic's name.
    private func topic(_ node: YAMLNode) -> String? {
        guard let scalar = scalar(node, of: "'topic'", expected: "a topic's name") else { return nil }
        let isName = scalar.text.unicodeScalars.allSatisfy {
            isNameStart($0) || ("0"..."9").contains($0) || $0 == "." || $0 == "-"
        }
        guard isName, (1...249).contains(scalar.text.utf8.count), scalar.text != ".", scalar.text != ".." else {
            report(
                scalar.position, "'\(scalar.text)' is no topic's name", expected: "letters, digits, '.', '_' and '-', at most 249"
            )
            return nil
        }
        return scalar.text
    }

    private func readFields(_ node: YAMLNode, _ owner: String, _ source: inout CheckedSource) {
        guard let entries = names(node, of: "'fields' of \(owner)", max: Limits.entriesMax) else { return }
        source.hasAllFields = true
        for entry in entries {
            guard checkName(entry.key, of: "a field", dots: true), let field = field(entry.key.text, entry.value) else {
                source.hasAllFields = false
                continue
            }
            source.positions[entry.key.text] = source.fields.count
            source.fields.append(field)
        }
    }

    private func field(_ name: String, _ node: YAMLNode) -> RecordField? {
        let expected = "string, int64, double, bool, decimal(scale), timestamp or timestamp(s|ms|us), with '?' if optional"
        guard let scalar = scalar(node, of: "the type of '\(name)'", expected: expected) else { return nil }
        let optional = scalar.text.hasSuffix("?")
        guard let (type, unit) = FieldType.declared(optional ? scalar.text.dropLast() : Substring(scalar.text)) else {
            let known = ["string", "int64", "double", "bool", "decimal(2)", "timestamp", "timestamp(ms)"]
            report(
                scalar.position, "unknown type '\(scalar.text)'", expected: expected,
                suggestion: nearestName(to: scalar.text, among: known))
            return nil
        }
        return RecordField(name: name, type: type, optional: optional, unit: unit ?? .rfc3339, stored: false)
    }

    /// The position of the event time; sets its unit.
    private func eventTime(_ node: YAMLNode, _ source: inout CheckedSource) -> Int? {
        let owner = "'event_time'"
        guard let keys = mapping(node, of: owner, keys: ["field", "unit"]) else { return nil }
        for key in ["field", "unit"] where keys[key] == nil { reportMissing(key, of: owner, in: node, at: node.position) }
        let unit = keys["unit"].flatMap { word($0, of: "unit", as: TimeUnit.self) }
        let position = keys["field"].flatMap { node in
            declaredField(node, of: "the event time", in: source) { $0 == .timestamp ? nil : "timestamp" }
        }
        guard let unit, let position else { return nil }
        let declared = source.fields[position].unit
        if declared != .rfc3339, declared != unit {
            report(
                node.position, "the field is declared timestamp(\(declared.rawValue)), the unit is \(unit.rawValue)",
                expected: "one unit")
            return nil
        }
        source.fields[position].unit = unit
        return position
    }

    /// A field that every record has, of a type for which `allowed` is nil; otherwise it names those that are.
    func declaredField(
        _ node: YAMLNode, of owner: String, in source: CheckedSource, allowed: (FieldType) -> String?
    ) -> Int? {
        guard let scalar = scalar(node, of: owner, expected: "a field of source '\(source.name)'") else { return nil }
        guard let position = source.positions[scalar.text] else {
            if source.hasAllFields {
                report(
                    scalar.position, "unknown field '\(scalar.text)'", expected: "a field of source '\(source.name)'",
                    suggestion: nearestName(to: scalar.text, among: source.fields.map(\.name)))
            }
            return nil
        }
        let field = source.fields[position]
        if let expected = allowed(field.type) {
            report(scalar.position, "'\(field.name)' is \(field.type), it cannot be \(owner)", expected: expected)
            return nil
        }
        if field.optional {
            report(scalar.position, "'\(field.name)' is optional, it cannot be \(owner)", expected: "a type without '?'")
            return nil
        }
        return position
    }

    private enum Answer: String, CaseIterable { case `true`, `false` }

    /// What may tell entities apart: nil for types whose values are equal or not, beyond doubt.
    func isEntityType(_ type: FieldType) -> String? {
        type == .double ? "string, int64, bool, timestamp or decimal" : nil
    }
}

extension FieldType {
    /// A type as a source declares it, and the unit of a timestamp that has one.
    static func declared(_ text: Substring) -> (FieldType, TimeUnit?)? {
        switch text {
        case "string": return (.string, nil)
        case "int64": return (.int64, nil)
        case "double": return (.double, nil)
        case "bool": return (.bool, nil)
        case "timestamp": return (.timestamp, nil)
        case "timestamp(s)": return (.timestamp, .seconds)
        case "timestamp(ms)": return (.timestamp, .milliseconds)
        case "timestamp(us)": return (.timestamp, .microseconds)
        default:
            guard text.hasPrefix("decimal("), text.hasSuffix(")") else { return nil }
            let digits = text.dropFirst("decimal(".count).dropLast()
            guard (1...2).contains(digits.utf8.count), let scale = UInt8(digits), scale <= 18, digits.first != "+" else {
                return nil
            }
            return (.decimal(scale: Int(scale)), nil)
        }
    }
}
