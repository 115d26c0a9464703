import Parquet

extension Table {
    /// All types, several shapes of values each, nulls nowhere, here and there and everywhere.
    static func random(seed: UInt64, groups: [Int]) -> Table {
        var generator = SeededGenerator(seed: seed)
        let rowCount = groups.reduce(0, +)
        let types: [ColumnType] = [
            .string, .int32, .int64, .double, .bool, .timestampMicrosUTC, .decimal(scale: 0), .decimal(scale: 4),
            .decimal(scale: 18), .date, .timestamp(.milliseconds, isUTC: true), .timestamp(.microseconds, isUTC: false),
            .timestamp(.nanoseconds, isUTC: false), .decimal(digits: 9, scale: 2), .decimal(digits: 19, scale: 3),
            .decimal(digits: 38, scale: 10),
        ]
        var columns: [TableColumn] = []
        for (position, type) in (types + types).enumerated() {
            var column = TableColumn("c\(position)", type)
            column.fill(rowCount, &generator)
            if Bool.random(using: &generator) {
                column.schema.nullable = true
                let share = [0, 1, 0.5, 0.02, 0.98].randomElement(using: &generator)!
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: break
                case 1:
                    // Whole stretches, some of them longer than a page.
                    var bytes: [UInt8] = []
                    while bytes.count < rowCount {
                        let length = Int.random(in: 1...max(1, rowCount), using: &generator)
                        bytes += Array(repeating: UInt8.random(in: 0...1, using: &generator), count: length)
                    }
                    column.valid = Array(bytes.prefix(rowCount))
                default:
                    column.valid = (0..<rowCount).map { _ in Double.random(in: 0..<1, using: &generator) < share ? 1 : 0 }
                }
            }
            columns.append(column)
        }
        return Table(columns: columns, groups: groups, metadata: [("seed", String(seed)), ("empty", "")])
    }
}

extension TableColumn {
    fileprivate mutating func fill(_ rowCount: Int, _ generator: inout SeededGenerator) {
        switch schema.type {
        case .string: fillTexts(rowCount, &generator)
        case .double: words = doubles(rowCount, &generator)
        case .bool:
            let share = [0, 1, 0.5, 0.01].randomElement(using: &generator)!
            words = (0..<rowCount).map { _ in Double.random(in: 0..<1, using: &generator) < share ? 1 : 0 }
        case .int32: words = integers(rowCount, Int64(Int32.min)...Int64(Int32.max), &generator)
        case .date: words = integers(rowCount, -700_000...2_900_000, &generator)
        // DuckDB reads milliseconds as microseconds.
        case .timestamp(.milliseconds, _):
            words = integers(rowCount, -9_000_000_000_000_000...9_000_000_000_000_000, &generator)
        case .int64, .timestamp: words = integers(rowCount, Int64.min...Int64.max, &generator)
        case .decimal(let digits, _) where schema.type.isWide: fillWide(rowCount, digits, &generator)
        case .decimal(let digits, _):
            let limit = Int64((0..<digits).reduce(1) { limit, _ in limit * 10 }) - 1
            words = integers(rowCount, -limit...limit, &generator)
        }
    }

    private mutating func fillWide(_ rowCount: Int, _ digits: Int, _ generator: inout SeededGenerator) {
        let limit = (0..<digits).reduce(Int128(1)) { limit, _ in limit * 10 } - 1
        let bits = Int.random(in: 0..<128, using: &generator)
        for _ in 0..<rowCount {
            let random = Int128(truncatingIfNeeded: generator.next()) << 64 | Int128(generator.next())
            let value = [limit, -limit, 0, -1].randomElement(using: &generator)!
            let kept = Int.random(in: 0..<4, using: &generator) == 0 ? value : (random >> Int128(bits)) % (limit + 1)
            high.append(Int64(truncatingIfNeeded: kept >> 64))
            words.append(Int64(truncatingIfNeeded: kept))
        }
    }

    private func integers(_ rowCount: Int, _ range: ClosedRange<Int64>, _ generator: inout SeededGenerator) -> [Int64] {
        let extremes = [range.lowerBound, range.upperBound, 0, -1, 1]
        switch Int.random(in: 0..<7, using: &generator) {
        case 0:
            let constant = Int64.random(in: range, using: &generator)
            return Array(repeating: constant, count: rowCount)
        case 1: return (0..<rowCount).map { _ in Int64.random(in: -5...20, using: &generator) }
        case 2:
            var value: Int64 = Int64.random(in: -1_000_000...1_000_000, using: &generator)
            return (0..<rowCount).map { _ in
                value += Int64.random(in: 0...300, using: &generator)
                return value
            }
        case 3: return (0..<rowCount).map { _ in Int64.random(in: range, using: &generator) }
        case 4: return (0..<rowCount).map { _ in extremes.randomElement(using: &generator)! }
        case 5:
            let few = (0..<300).map { _ in Int64.random(in: range, using: &generator) }
            return (0..<rowCount).map { _ in few.randomElement(using: &generator)! }
        default:
            var values: [Int64] = []
            while values.count < rowCount {
                let value = Int64.random(in: 0...9, using: &generator)
                values += Array(repeating: value, count: Int.random(in: 1...200, using: &generator))
            }
            return Array(values.prefix(rowCount))
        }
    }

    private func doubles(_ rowCount: Int, _ generator: inout SeededGenerator) -> [Int64] {
        let special: [Double] = [
            0, -0.0, .infinity, -.infinity, .nan, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .greatestFiniteMagnitude, 1,
            -1,
        ]
        func word(_ value: Double) -> Int64 { Int64(bitPattern: value.bitPattern) }
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: return (0..<rowCount).map { _ in word(special.randomElement(using: &generator)!) }
        case 1: return Array(repeating: word(.nan), count: rowCount)
        case 2: return (0..<rowCount).map { _ in word(Bool.random(using: &generator) ? 0 : -0.0) }
        case 3: return (0..<rowCount).map { _ in Int64(bitPattern: generator.next()) }
        case 4: return (0..<rowCount).map { _ in word(Double(Int.random(in: 0...500, using: &generator)) / 100) }
        default: return (0..<rowCount).map { _ in word(Double.random(in: -1000...1000, using: &generator)) }
        }
    }

    private mutating func fillTexts(_ rowCount: Int, _ generator: inout SeededGenerator) {
        let few = [
            "", "a", "ab", "abc", "zürich", "東京", "🧊🌊", "\u{0}", "a\u{0}", "customer-0001", "\u{7F}",
            String(repeating: "x", count: 64),
        ]
        let long = few + [String(repeating: "x", count: 65), String(repeating: "long ", count: 2000)]
        let shape = Int.random(in: 0..<5, using: &generator)
        for row in 0..<rowCount {
            switch shape {
            case 0: append(few.randomElement(using: &generator)!)
            case 1: append("customer-\(generator.next())")
            case 2: append("key-\(Int.random(in: 0..<5000, using: &generator))")
            case 3: append(rowCount > 10_000 ? "row \(row)" : long.randomElement(using: &generator)! + "\(row)")
            default: append("")
            }
        }
    }
}
