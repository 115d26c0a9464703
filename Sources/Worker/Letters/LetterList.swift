public import Records
internal import Store

/// Dead letters by source, reason and kind of error, and what became of them.
public struct LetterList: Sendable {
    /// Letters that have these in common.
    public struct Kind: Hashable, Sendable {
        public var source: String
        public var reason: String
        /// The error without what differs from record to record.
        public var error: String
    }

    public struct Group: Sendable {
        public var kind: Kind
        public var count = 0
        /// Of these, those that were fed through again.
        public var fed = 0
        /// `partition:offset` of the first and the last, and when their records were made or, where that is not known, nil.
        public var first: (place: String, at: EventTime?)
        public var last: (place: String, at: EventTime?)
    }

    /// A letter, and what became of it.
    public struct Entry: Sendable {
        public var letter: DeadLetter
        /// When it was fed through again; nil: it was not.
        public var fedAt: EventTime?

        /// One JSON object: the letter's own, when it was fed, and key and value as text where they are UTF-8.
        public var json: String {
            var line = ownJSON
            line.removeLast()
            line += #","fed":"#.utf8
            JSONText.append(fedAt, to: &line)
            for (name, text) in [("key_text", letter.keyText), ("value_text", letter.valueText)] {
                guard let text else { continue }
                line += ",\"\(name)\":".utf8
                JSONText.append(text, to: &line)
            }
            line.append(UInt8(ascii: "}"))
            return String(decoding: line, as: UTF8.self)
        }

        var ownJSON: [UInt8] {
            var line: [UInt8] = []
            func append(_ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?) {
                unsafe letter.append(key: key, value: value, headers: letter.headers, to: &line)
            }
            unsafe letter.withValue { value in
                guard let key = letter.key else { return unsafe append(nil, value) }
                unsafe key.withUnsafeBytes { unsafe append($0, value) }
            }
            return line
        }
    }

    /// In the order of their first letters.
    public private(set) var groups: [Group] = []
    /// Lines or messages that are no dead letters.
    public private(set) var unreadable = 0
    private var positions: [Kind: Int] = [:]

    /// - Parameters:
    ///   - state: the worker's state folder, which knows what was fed; nil: nobody does.
    ///   - body: is given each letter, once, until it says false; the list goes on.
    public init(
        _ letters: LetterSource, filter: LetterFilter, state: String?, _ body: (Entry) throws -> Bool
    ) throws {
        let store = try state.map { try StateStore(path: $0, readOnly: true) }
        defer { store?.close() }
        var seen: Set<LetterID> = []
        var isWanted = true
        try letters.read { letter in
            guard var letter else {
                unreadable += 1
                return true
            }
            let id = LetterID(source: letter.source, partition: letter.partition, offset: letter.offset)
            if letters.mayRepeat {
                guard seen.insert(id).inserted else { return true }
                guard seen.count <= Bounds.lettersListed else {
                    throw WorkerError("more than \(Bounds.lettersListed) letters are in the topic", isInput: true)
                }
            }
            let mark = try store?.mark(of: id)
            if let kept = mark?.kept { (letter.reason, letter.error) = (kept.reason.rawValue, kept.error) }
            guard filter.takes(letter) else { return true }
            let entry = Entry(letter: letter, fedAt: mark.flatMap { $0.isFed ? $0.at : nil })
            add(entry)
            if isWanted { isWanted = try body(entry) }
            return true
        }
    }

    private mutating func add(_ entry: Entry) {
        let letter = entry.letter
        let kind = Kind(source: letter.source, reason: letter.reason, error: LetterList.pattern(letter.error))
        let place = (place: "\(letter.partition):\(letter.offset)", at: letter.timestamp)
        let position = positions[kind] ?? groups.count
        if position == groups.count {
            positions[kind] = position
            groups.append(Group(kind: kind, first: place, last: place))
        }
        groups[position].count += 1
        if entry.fedAt != nil { groups[position].fed += 1 }
        groups[position].last = place
    }

    /// What errors of one kind have in common: numbers and times are alike, and what was found is left out.
    static func pattern(_ error: String) -> String {
        var pattern = ""
        var isInNumber = false
        let stated = error.range(of: "found ").map { error[..<$0.upperBound] + "…" } ?? error[...]
        for (index, character) in zip(stated.indices, stated) {
            func isDigit(_ character: Character?) -> Bool { character.map { $0.isASCII && $0.isNumber } ?? false }
            let next = stated[index...].dropFirst().first
            let isWithin = isInNumber && (character == "Z" || ("-:.T".contains(character) && isDigit(next)))
            let isNumber = isDigit(character) || isWithin
            if !isNumber { pattern.append(character) } else if !isInNumber { pattern.append("#") }
            isInNumber = isNumber
        }
        return pattern
    }
}

extension DeadLetter {
    /// As text, where it is UTF-8.
    public var keyText: String? { key.flatMap { String(validating: $0, as: UTF8.self) } }
    public var valueText: String? { value.flatMap { String(validating: $0, as: UTF8.self) } }
}

extension StringProtocol {
    /// Where a text first stands.
    fileprivate func range(of text: String) -> Range<Index>? { ranges(of: text).first }
}
