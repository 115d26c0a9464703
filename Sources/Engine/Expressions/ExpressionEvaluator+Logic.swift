import Pipelines
import Records

// SQL's three-valued logic: a null is "unknown". The word of a null is 0, of true 1.
extension ExpressionEvaluator {
    func and(_ a: Column, _ b: Column, into out: Column, count: Int) {
        for i in 0..<count {
            let (wordA, wordB) = (a.words[i], b.words[i])
            let (validA, validB) = (a.valid[i], b.valid[i])
            let falseA = validA & UInt8(truncatingIfNeeded: wordA ^ 1)
            let falseB = validB & UInt8(truncatingIfNeeded: wordB ^ 1)
            out.words[i] = wordA & wordB
            out.valid[i] = validA & validB | falseA | falseB
        }
    }

    func or(_ a: Column, _ b: Column, into out: Column, count: Int) {
        for i in 0..<count {
            let word = a.words[i] | b.words[i]
            out.words[i] = word
            out.valid[i] = a.valid[i] & b.valid[i] | UInt8(truncatingIfNeeded: word)
        }
    }

    func not(_ a: Column, into out: Column, count: Int) {
        forEachRow(a, into: out, count: count) { ($0 ^ 1, true) }
    }

    func isNull(_ a: Column, into out: Column, count: Int) {
        for i in 0..<count {
            out.words[i] = Int64(a.valid[i] ^ 1)
            out.valid[i] = 1
        }
    }

    /// `parts`: condition and result of each branch in turn, then the result when none is true.
    func choose(_ parts: [Int], into out: Column, count: Int) {
        copy(columns[parts[parts.count - 1]], into: out, count: count)
        // From the last branch to the first, so that the first that is true stays.
        for branch in stride(from: parts.count - 3, through: 0, by: -2) {
            let (condition, result) = (columns[parts[branch]], columns[parts[branch + 1]])
            for i in 0..<count where condition.words[i] == 1 {
                out.words[i] = result.words[i]
                out.valid[i] = result.valid[i]
            }
        }
    }

    func coalesce(_ parts: [Int], into out: Column, count: Int) {
        copy(columns[parts[0]], into: out, count: count)
        for part in parts.dropFirst() {
            let column = columns[part]
            for i in 0..<count where out.valid[i] == 0 {
                out.words[i] = column.words[i]
                out.valid[i] = column.valid[i]
            }
        }
    }

    func copy(_ a: Column, into out: Column, count: Int) {
        out.words.copy(from: a.words, at: 0, to: 0, count: count)
        out.valid.copy(from: a.valid, at: 0, to: 0, count: count)
    }
}
