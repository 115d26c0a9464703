import Pipelines
import Records

/// The literals of an `in (…)` over numbers or bools as words of the subject's type: open addressing, at most half full.
struct WordSet {
    private var slots: [Int64]
    private var isTaken: [Bool]
    private let shift: Int

    init(_ literals: [Literal], of type: FieldType) {
        let words = literals.compactMap { Self.word(of: $0, as: type) }
        var bits = 2
        while 1 << bits < words.count * 2 { bits += 1 }
        shift = 64 - bits
        slots = Array(repeating: 0, count: 1 << bits)
        isTaken = Array(repeating: false, count: 1 << bits)
        for word in words {
            var slot = start(word)
            while isTaken[slot], slots[slot] != word { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = word
            isTaken[slot] = true
        }
    }

    func contains(_ word: Int64) -> Bool {
        var slot = start(word)
        while isTaken[slot] {
            if slots[slot] == word { return true }
            slot = (slot + 1) & (slots.count - 1)
        }
        return false
    }

    /// Fibonacci hashing (Knuth, volume 3, section 6.4).
    private func start(_ word: Int64) -> Int {
        Int(truncatingIfNeeded: (UInt64(bitPattern: word) &* 0x9E37_79B9_7F4A_7C15) >> UInt64(shift))
    }

    /// nil where no value of the type equals the literal.
    private static func word(of literal: Literal, as type: FieldType) -> Int64? {
        switch (literal, type) {
        case (.bool(let value), _): return value ? 1 : 0
        case (.string, _): return nil
        case (.int64(let number), .double):
            return Double(exactly: number).map { Int64(bitPattern: $0.bitPattern) }
        case (.decimal(let unscaled, let scale), .double):
            // As in a comparison, a decimal literal takes the type of the double that it meets.
            return Int64(bitPattern: (nearestDouble(unscaled, power: powerOfTen(scale)) + 0).bitPattern)
        case (.int64(let number), _):
            return Int64(exactly: Int128(number) * Int128(powerOfTen(type.scale)))
        case (.decimal(let unscaled, let scale), _):
            let (quotient, remainder) = (Int128(unscaled) * Int128(powerOfTen(type.scale)))
                .quotientAndRemainder(dividingBy: Int128(powerOfTen(scale)))
            return remainder == 0 ? Int64(exactly: quotient) : nil
        }
    }
}

/// The literals of an `in (…)` over texts, in one run of bytes behind an open-addressing table that is at most half full.
struct TextSet {
    private var bytes: [UInt8] = []
    /// Where each text begins in `bytes`, and its length; a length of -1 marks a free slot.
    private var slots: [(start: Int, length: Int)]

    init(_ literals: [Literal]) {
        var size = 4
        while size < literals.count * 2 { size *= 2 }
        slots = Array(repeating: (0, -1), count: size)
        for case .string(let text) in literals {
            let slot = unsafe text.withUnsafeBytes { unsafe self.slot(of: $0) }
            guard slots[slot].length < 0 else { continue }
            slots[slot] = (bytes.count, text.count)
            bytes += text
        }
    }

    func contains(_ text: UnsafeRawBufferPointer) -> Bool { unsafe slots[slot(of: text)].length >= 0 }

    /// The slot that holds the text, or the free one where it belongs.
    private func slot(of text: UnsafeRawBufferPointer) -> Int {
        // FNV-1a.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        // It would take `unsafe` for the name.
        // swift-format-ignore
        for unsafe byte in unsafe text { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        var slot = Int(truncatingIfNeeded: hash ^ hash >> 32) & (slots.count - 1)
        while slots[slot].length >= 0 {
            let (start, length) = slots[slot]
            let isSame = unsafe bytes.withUnsafeBytes {
                unsafe order(UnsafeRawBufferPointer(rebasing: $0[start..<start + length]), text) == 0
            }
            if isSame { return slot }
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }
}
