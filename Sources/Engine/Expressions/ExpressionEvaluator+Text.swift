import Glibc
import Pipelines
import Records

/// Negative, 0 or positive by bytes, a shorter text before those that it begins.
func order(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    let common = min(a.count, b.count)
    if common > 0, let a = a.baseAddress, let b = b.baseAddress {
        let difference = unsafe memcmp(a, b, common)
        if difference != 0 { return Int(difference) }
    }
    return a.count - b.count
}

/// The bytes that the references of a batch's columns point into, as long as its arena does not grow.
@safe
private struct TextBytes {
    let base: UnsafeRawPointer?

    init(_ batch: RecordBatch) {
        unsafe base = batch.text.bytes(TextReference(offset: 0, length: 0)).baseAddress
    }

    @inline(__always)
    func callAsFunction(_ word: Int64) -> UnsafeRawBufferPointer {
        let reference = TextReference(word: word)
        return unsafe UnsafeRawBufferPointer(start: base.map { unsafe $0 + reference.offset }, count: reference.length)
    }
}

extension ExpressionEvaluator {
    func fill(_ text: [UInt8], into out: Column, _ batch: RecordBatch) {
        let reference = unsafe text.withUnsafeBytes { unsafe batch.text.append($0) }
        for i in 0..<batch.count {
            out.words[i] = reference.word
            out.valid[i] = 1
        }
    }

    func compareTexts(_ comparison: Comparison, _ a: Column, _ b: Column, into out: Column, _ batch: RecordBatch) {
        let bytes = TextBytes(batch)
        compare(comparison, a, b, into: out, count: batch.count) { unsafe order(bytes($0), bytes($1)) }
    }

    func extremeText(_ parts: [Int], greatest: Bool, into out: Column, _ batch: RecordBatch) {
        let bytes = TextBytes(batch)
        extreme(parts, greatest, into: out, count: batch.count) { unsafe order(bytes($0), bytes($1)) }
    }

    func isAmong(_ a: Column, _ set: TextSet, into out: Column, _ batch: RecordBatch) {
        let bytes = TextBytes(batch)
        forEachRow(a, into: out, count: batch.count) { (unsafe set.contains(bytes($0)) ? 1 : 0, true) }
    }

    /// All bytes but those that continue a scalar.
    func length(_ a: Column, into out: Column, _ batch: RecordBatch) {
        let bytes = TextBytes(batch)
        forEachRow(a, into: out, count: batch.count) { word in
            var count: Int64 = 0
            // It would take `unsafe` for the name.
            // swift-format-ignore
            for unsafe byte in unsafe bytes(word) where byte & 0xC0 != 0x80 { count += 1 }
            return (count, true)
        }
    }

    /// Full Unicode mapping, untailored; ASCII goes byte by byte, and what does not change is not copied.
    func changeCase(_ a: Column, upper: Bool, into out: Column, _ batch: RecordBatch) {
        let first = UInt8(ascii: upper ? "a" : "A")
        forEachRow(a, into: out, count: batch.count) { word in
            let bytes = TextBytes(batch)
            var isASCII = true
            var changes = false
            // It would take `unsafe` for the name.
            // swift-format-ignore
            for unsafe byte in unsafe bytes(word) {
                isASCII = isASCII && byte < 0x80
                changes = changes || byte &- first < 26
            }
            if isASCII, !changes { return (word, true) }
            guard isASCII else {
                let text = unsafe String(decoding: bytes(word), as: UTF8.self)
                return (batch.text.append(upper ? text.uppercased() : text.lowercased()).word, true)
            }
            let reference = TextReference(word: word)
            let copy = TextReference(offset: batch.text.count, length: reference.length)
            batch.text.reserve(reference.length)
            let source = unsafe TextBytes(batch)(word)
            let target = unsafe batch.text.unsafeEnd
            for i in 0..<reference.length {
                let byte = unsafe source[i]
                unsafe target[i] = byte &- first < 26 ? byte ^ 0x20 : byte
            }
            batch.text.advance(by: reference.length)
            return (copy.word, true)
        }
    }

    /// Nulls are empty, so every row has a value; where only one part is not empty, it is not copied.
    func concat(_ parts: [Int], into out: Column, _ batch: RecordBatch) {
        for i in 0..<batch.count {
            var length = 0
            var longest: Int64 = 0
            for part in parts {
                let reference = TextReference(word: columns[part].words[i])
                length += reference.length
                if reference.length > TextReference(word: longest).length { longest = reference.word }
            }
            out.valid[i] = 1
            if TextReference(word: longest).length == length {
                out.words[i] = longest
                continue
            }
            out.words[i] = TextReference(offset: batch.text.count, length: length).word
            batch.text.reserve(length)
            let bytes = TextBytes(batch)
            for part in parts {
                let text = unsafe bytes(columns[part].words[i])
                guard let source = text.baseAddress else { continue }
                unsafe UnsafeMutableRawPointer(batch.text.unsafeEnd).copyMemory(from: source, byteCount: text.count)
                batch.text.advance(by: text.count)
            }
        }
    }
}
