internal import Records
internal import Windows

/// The rows that one view is asked for, taken in any order and given in that of their instants, in bounded memory: what is too
/// much is sorted and set aside, run by run, and the runs are merged.
///
///     run: { time i64 | number i64 | hash u64 | key length u32 | key } …
final class AskQueue {
    private let folder: String
    private let bytesMax: Int
    private var gathered = Gathered()
    private var runs: [AskRun] = []

    /// Rows in memory.
    private struct Gathered: ~Copyable {
        var order: [Entry] = []
        var numbers: [Int64] = []
        var hashes: [UInt64] = []
        var keys: [Int64] = []
        var text = TextArena(capacity: 1 << 16)
        var isSorted = true
        var next = 0

        struct Entry {
            var time: Int64
            var index: UInt32
        }

        var bytes: Int { order.count * (16 + 24) + text.count }

        mutating func sort() {
            if !isSorted { order.sort { ($0.time, $0.index) < ($1.time, $1.index) } }
            isSorted = true
        }
    }

    init(folder: String, bytesMax: Int) {
        self.folder = folder
        self.bytesMax = bytesMax
    }

    func add(time: Int64, number: Int64, key: UnsafeRawBufferPointer, hash: UInt64) throws(WorkerError) {
        if gathered.bytes + key.count + 64 > bytesMax, !gathered.order.isEmpty { try setAside() }
        if let last = gathered.order.last, last.time > time { gathered.isSorted = false }
        gathered.order.append(Gathered.Entry(time: time, index: UInt32(gathered.order.count)))
        gathered.numbers.append(number)
        gathered.hashes.append(hash)
        unsafe gathered.keys.append(gathered.text.append(key).word)
    }

    /// All rows are there; they are given from here on.
    func finish() throws(WorkerError) {
        gathered.sort()
        for run in runs { try run.advance() }
    }

    private func setAside() throws(WorkerError) {
        gathered.sort()
        let run = AskRun(try TemporaryFile(in: folder))
        for entry in gathered.order {
            let index = Int(entry.index)
            let key = unsafe gathered.text.bytes(TextReference(word: gathered.keys[index]))
            unsafe try run.append(entry.time, gathered.numbers[index], gathered.hashes[index], key)
        }
        try run.flush()
        runs.append(run)
        gathered = Gathered()
    }

    /// Gives `body` the rows whose instants are not after `through`, in their order.
    func take(
        through: Int64, _ body: (_ time: Int64, _ number: Int64, _ hash: UInt64, _ key: UnsafeRawBufferPointer) -> Void
    ) throws(WorkerError) {
        while true {
            let own = gathered.next < gathered.order.count ? gathered.order[gathered.next].time : .max
            var first: AskRun?
            for run in runs where run.hasRow && run.time < first?.time ?? own { first = run }
            if let first {
                guard first.time <= through else { return }
                unsafe first.withKey { unsafe body(first.time, first.number, first.hash, $0) }
                try first.advance()
                continue
            }
            guard gathered.next < gathered.order.count, own <= through else { return }
            let index = Int(gathered.order[gathered.next].index)
            gathered.next += 1
            unsafe body(
                own, gathered.numbers[index], gathered.hashes[index],
                gathered.text.bytes(TextReference(word: gathered.keys[index])))
        }
    }
}

/// A sorted run on disk: written once, then read row by row.
private final class AskRun {
    private let file: TemporaryFile
    private var writer = ByteWriter(capacity: AskRun.pieceBytes * 2)
    private var piece: [UInt8] = []
    private var position = 0
    private var filePosition = 0
    private(set) var hasRow = false
    private(set) var time: Int64 = 0
    private(set) var number: Int64 = 0
    private(set) var hash: UInt64 = 0
    private var key = 0..<0

    private static let pieceBytes = 1 << 18
    private static let headBytes = 28

    init(_ file: TemporaryFile) { self.file = file }

    func append(_ time: Int64, _ number: Int64, _ hash: UInt64, _ key: UnsafeRawBufferPointer) throws(WorkerError) {
        writer.append(time)
        writer.append(number)
        writer.append(hash)
        writer.append(UInt32(key.count))
        unsafe writer.append(key)
        if writer.count >= AskRun.pieceBytes { try flush() }
    }

    func flush() throws(WorkerError) {
        try unsafe writer.withBytes { (bytes: UnsafeRawBufferPointer) throws(WorkerError) in _ = unsafe try file.append(bytes) }
        writer.removeAll()
    }

    /// Goes on to the next row, if there is one.
    func advance() throws(WorkerError) {
        try need(AskRun.headBytes)
        guard piece.count - position >= AskRun.headBytes else {
            hasRow = false
            return
        }
        let length = unsafe piece.withUnsafeBytes { bytes in
            time = unsafe bytes.loadUnaligned(fromByteOffset: position, as: Int64.self)
            number = unsafe bytes.loadUnaligned(fromByteOffset: position + 8, as: Int64.self)
            hash = unsafe bytes.loadUnaligned(fromByteOffset: position + 16, as: UInt64.self)
            return unsafe Int(bytes.loadUnaligned(fromByteOffset: position + 24, as: UInt32.self))
        }
        try need(AskRun.headBytes + length)
        key = position + AskRun.headBytes..<position + AskRun.headBytes + length
        position = key.upperBound
        hasRow = true
    }

    func withKey(_ body: (UnsafeRawBufferPointer) -> Void) {
        unsafe piece.withUnsafeBytes { unsafe body(UnsafeRawBufferPointer(rebasing: $0[key])) }
    }

    /// Has so many bytes from `position` on in memory, if the file has them.
    private func need(_ bytes: Int) throws(WorkerError) {
        guard piece.count - position < bytes, filePosition < file.length else { return }
        piece.removeFirst(position)
        position = 0
        let kept = piece.count
        let count = min(file.length - filePosition, max(AskRun.pieceBytes, bytes))
        piece += repeatElement(0, count: count)
        var failure: WorkerError?
        unsafe piece.withUnsafeMutableBytes { target in
            do throws(WorkerError) {
                unsafe try file.read(at: filePosition, into: UnsafeMutableRawBufferPointer(rebasing: target[kept...]))
            } catch let error {
                failure = error
            }
        }
        if let failure { throw failure }
        filePosition += count
    }
}
