internal import Engine
internal import Pipelines
internal import Records
internal import RocksDB
internal import Store
internal import Windows

/// The bytes of a state in a form that depends on the events alone, read by the drawings of the formats and not by the code that
/// the worker reads them with.
///
/// What the bytes leave open, because it depends on when commits were: how a long log is cut into chunks, how long what no window
/// reaches any more stays, which rows of waiting entities lie together, and of the offline log which segments and parts there are.
struct StateForm {
    private(set) var lines: [String] = []
    private let scenario: Scenario
    private let checkpoint: Checkpoint

    /// Requires: nobody has the state open, and the last commit was that of a clean stop.
    init(_ scenario: Scenario, directory: String) throws {
        self.scenario = scenario
        let store = try StateStore(path: directory, readOnly: true)
        guard let checkpoint = try store.checkpoint() else { throw Seed.Failure(text: "the state has no checkpoint") }
        store.close()
        self.checkpoint = checkpoint
        for (number, source) in checkpoint.sources.enumerated() {
            for (partition, position) in source.positions.sorted(by: { $0.key < $1.key }) {
                lines.append(
                    "source \(number) partition \(partition) next \(position.nextOffset) newest \(position.newest.microseconds)")
            }
            lines.append("source \(number) counters \(source.counters)")
        }
        for (id, shard) in checkpoint.shards.sorted(by: { $0.key < $1.key }) {
            let (finished, expired) = (shard.finishedThrough.microseconds, shard.expiredThrough.microseconds)
            lines.append("\(text(id)) finished \(finished) expired \(expired)")
        }
        lines.append("dead letters \(checkpoint.deadLetterBytes), \(checkpoint.sliceCount) slices, plan \(checkpoint.plan.count)")
        try readRows(directory)
        lines.sort()
    }

    private func text(_ id: ShardID) -> String { "\(id.view)/\(id.slice)" }

    private mutating func readRows(_ directory: String) throws {
        let database = try Database(path: directory)
        defer { database.close() }
        try unsafe database.compact(from: nil, to: nil)
        let lowest = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
        defer { unsafe lowest.deallocate() }
        unsafe lowest[0] = 0
        var rows: [(key: [UInt8], value: [UInt8])] = []
        try unsafe database.scan(from: UnsafeRawBufferPointer(lowest), to: nil) { key, value in
            unsafe rows.append((Array(key), Array(value)))
            return true
        }
        var logs: [[UInt8]: Log] = [:]
        for (key, value) in rows {
            var key = StoredBytes(key)
            let shard = key.ordered(4)
            if shard == 0xFFFF_FFFF {
                if key.byte() == 1 { addWaiting(&key, StoredBytes(value)) }
                continue
            }
            let view = scenario.plan.views[Int(shard >> 16)]
            let program = ViewProgram(view, source: scenario.plan.sources[view.source])
            _ = key.ordered(8)
            let name = Array(key.bytes[..<key.place]) + key.entity(program.entityTypes)
            var log = logs[name] ?? Log(program)
            let isHead = key.byte() == 0
            try log.read(StoredBytes(value), isHead: isHead)
            logs[name] = log
        }
        for (name, log) in logs {
            let shard = StoredBytes(name).peek(4)
            let id = ShardID(view: Int(shard >> 16), slice: Int(shard & 0xFFFF))
            let reach = log.program.reach(at: checkpoint.shards[id]?.finishedThrough ?? .distantPast)
            let place = "\(text(id)) \(StoredBytes.text(name[4...]))"
            lines += log.text(after: reach.microseconds).map { "\(place) \($0)" }
        }
    }

    /// Rows that wait for the watermark; those of a run that were finished before the commit are out already.
    private mutating func addWaiting(_ key: inout StoredBytes, _ value: StoredBytes) {
        var value = value
        let number = key.ordered(4)
        let id = ShardID(view: Int(number >> 16), slice: Int(number & 0xFFFF))
        let finished = checkpoint.shards[id]?.finishedThrough.microseconds ?? .min
        while !value.isAtEnd {
            let time = value.int64()
            let (partition, offset) = (value.zigzag(), value.zigzag())
            _ = value.int64()
            let entity = value.take(Int(value.varint()))
            guard time > finished else { continue }
            lines.append("\(text(id)) waits \(time) \(partition)/\(offset) \(StoredBytes.text(entity[...]))")
        }
    }

    /// The events of one entity.
    private struct Log {
        let program: ViewProgram
        private var events: [(time: Int64, text: String)] = []
        /// Where older events may be tiles: what all of them add up to.
        private var totals: [Int64] = []
        private var isTiled: Bool { program.plan.resolution != nil }

        init(_ program: ViewProgram) {
            self.program = program
            totals = Array(repeating: 0, count: 1 + 2 * program.layout.columnCount)
        }

        mutating func read(_ bytes: StoredBytes, isHead: Bool) throws {
            var bytes = bytes
            _ = bytes.int64()
            let format = bytes.byte()
            if format == 0x81 { return try readTiles(&bytes) }
            guard format == 4 else { throw Seed.Failure(text: "a log of format \(format)") }
            if isHead {
                let hasManyChunks = bytes.byte() == 1
                _ = bytes.int64()
                if hasManyChunks { return }
            }
            try readChunk(&bytes)
        }

        private mutating func readChunk(_ bytes: inout StoredBytes) throws {
            let count = Int(bytes.varint())
            guard count > 0 else { return }
            var times = [bytes.int64()]
            if count > 1 {
                let unit = [Int64(1), 1_000, 1_000_000][Int(bytes.byte())]
                for step in bytes.numbers(count - 1) { times.append(times.last! + step * unit) }
            }
            var texts = [String](repeating: "", count: count)
            if program.layout.isOrdered {
                let offsets = bytes.numbers(count)
                for (row, partition) in bytes.numbers(count).enumerated() { texts[row] += " \(partition)/\(offsets[row])" }
            }
            totals[0] += Int64(count)
            for column in 0..<program.layout.columnCount {
                let kind = program.layout.column(column).kind
                let form = bytes.byte()
                var has = [Bool](repeating: form == 1, count: count)
                if form == 2 {
                    for first in stride(from: 0, to: count, by: 8) {
                        let bits = bytes.byte()
                        for row in first..<min(count, first + 8) { has[row] = bits >> UInt8(row - first) & 1 == 1 }
                    }
                }
                let rows = (0..<count).filter { has[$0] }
                for row in 0..<count where !has[row] { texts[row] += " -" }
                totals[1 + 2 * column] += Int64(rows.count)
                switch kind {
                case .presence: for row in rows { texts[row] += " +" }
                case .integer:
                    for (row, value) in zip(rows, bytes.numbers(rows.count)) {
                        totals[2 + 2 * column] += value
                        texts[row] += " \(value)"
                    }
                case .double: for row in rows { texts[row] += " \(bytes.int64())" }
                case .text: for (row, text) in zip(rows, bytes.texts(rows.count)) { texts[row] += " \(text)" }
                }
            }
            guard bytes.isAtEnd else { throw Seed.Failure(text: "more bytes than the drawing has") }
            events += zip(times, texts).map { (time: $0, text: $1) }
        }

        private mutating func readTiles(_ bytes: inout StoredBytes) throws {
            let count = Int(bytes.varint())
            _ = bytes.zigzag()
            for _ in 1..<max(1, count) { _ = bytes.varint() }
            let integers = (0..<program.layout.columnCount).filter { program.layout.column($0).hasSummary(.integer) }
            guard program.layout.doubleSummaries == 0 else { throw Seed.Failure(text: "tiles of doubles are not read here") }
            for _ in 0..<count {
                totals[0] += Int64(bytes.varint())
                for column in 0..<program.layout.columnCount { totals[1 + 2 * column] += Int64(bytes.varint()) }
                for column in integers {
                    totals[2 + 2 * column] += bytes.int64()
                    // The upper half of the sum, the squares, and the extremes, which rows show.
                    _ = bytes.take(8 + 24)
                    _ = bytes.varint()
                    _ = (bytes.zigzag(), bytes.zigzag())
                }
            }
        }

        func text(after reach: Int64) -> [String] {
            if isTiled { return ["in all \(totals)"] }
            return events.filter { $0.time > reach }.map { "\($0.time)\($0.text)" }
        }
    }
}

/// Numbers of stored forms, one after another.
struct StoredBytes {
    let bytes: [UInt8]
    private(set) var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { place == bytes.count }

    /// As hexadecimal digits.
    static func text(_ bytes: ArraySlice<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    mutating func byte() -> UInt8 {
        defer { place += 1 }
        return bytes[place]
    }

    mutating func take(_ count: Int) -> [UInt8] {
        defer { place += count }
        return Array(bytes[place..<place + count])
    }

    /// Big endian, at the place and staying there.
    func peek(_ count: Int) -> UInt64 { bytes[place..<place + count].reduce(0) { $0 << 8 | UInt64($1) } }

    mutating func ordered(_ count: Int) -> UInt64 {
        defer { place += count }
        return peek(count)
    }

    mutating func int64() -> Int64 {
        Int64(bitPattern: take(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }

    mutating func varint() -> UInt64 {
        var (value, shift): (UInt64, UInt64) = (0, 0)
        while true {
            let next = byte()
            value |= UInt64(next & 0x7F) << shift
            shift += 7
            if next < 0x80 { return value }
        }
    }

    mutating func zigzag() -> Int64 {
        let value = varint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// Numbers of so many bits each, low bits first, in whole bytes.
    private mutating func packed(_ count: Int, bits: Int) -> [UInt64] {
        let bytes = take((count * bits + 7) / 8)
        return (0..<count).map { index in
            (0..<bits).reduce(UInt64(0)) { word, bit in
                let place = index * bits + bit
                return word | UInt64(bytes[place / 8] >> UInt8(place % 8) & 1) << UInt64(bit)
            }
        }
    }

    mutating func numbers(_ count: Int) -> [Int64] {
        guard count > 1 else { return count == 1 ? [zigzag()] : [] }
        let form = byte()
        if form == 0x7F { return (0..<count).map { _ in zigzag() } }
        let least = zigzag()
        guard form >= 0x80 else { return packed(count, bits: Int(form)).map { least &+ Int64(bitPattern: $0) } }
        var numbers = [zigzag()]
        for step in packed(count - 1, bits: Int(form - 0x80)) {
            numbers.append(numbers.last! &+ least &+ Int64(bitPattern: step))
        }
        return numbers
    }

    private mutating func text() -> String { StoredBytes.text(take(Int(varint()))[...]) }

    mutating func texts(_ count: Int) -> [String] {
        let distinct = count > 1 ? Int(varint()) : 0
        guard distinct > 0 else { return (0..<count).map { _ in text() } }
        let dictionary = (0..<distinct).map { _ in text() }
        var bits = 0
        while 1 << bits < distinct { bits += 1 }
        return packed(count, bits: bits).map { dictionary[Int($0)] }
    }

    mutating func entity(_ types: [FieldType]) -> [UInt8] {
        types.flatMap { $0 == .string ? take(4 + Int(peek(4))) : take(8) }
    }
}
