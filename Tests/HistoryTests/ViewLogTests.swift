import Engine
import Foundation
import Pipelines
import Records
import TestSupport
import Testing

@testable import History

/// Crashes at every step of appending, converting, committing and publishing: no row is lost, none appears twice.
struct ViewLogTests {
    private let rows: SnapshotRows

    init() throws { rows = try SnapshotRows() }

    /// A worker's log, the last commit, and what a model says of both.
    private final class Life {
        let rows: SnapshotRows
        let folder: Folder
        var log: ViewLog
        var runs = 0
        /// Rows appended so far, and how many of them the last commit fixed.
        var appended = 0
        var committedRows = 0
        var committedState = LogState(views: [])
        /// Parts that were taken and are not written yet.
        var unwritten: [Part] = []
        /// The offsets of the rows in each part ever taken.
        var contents: [String: [Int]] = [:]

        init(_ rows: SnapshotRows) throws {
            self.rows = rows
            folder = try Folder()
            log = Life.open(rows, folder, run: 0)
        }

        private static func open(_ rows: SnapshotRows, _ folder: Folder, run: Int) -> ViewLog {
            ViewLog(
                directory: folder.path, rows.program, source: rows.plan.sources[0], pipeline: "test", version: 3,
                unique: "run\(run)",
                keepsSegments: true)
        }

        func append(_ count: Int) throws {
            let buffer = rows.buffer(count)
            rows.fill(buffer, appended..<(appended + count))
            try log.append(buffer, created: 5)
            appended += count
        }

        func takeParts(all: Bool) {
            for part in log.takeParts(all: all) {
                guard let rows = part.rows else { continue }
                contents[part.name] = (0..<rows.count).map { Int(rows.offsets[$0]) }
                unwritten.append(part)
            }
        }

        func write(_ count: Int) throws {
            for part in unwritten.prefix(count) {
                try part.write(sync: false)
                log.wrote(part)
            }
            unwritten.removeFirst(min(count, unwritten.count))
        }

        /// The process is gone; a new one starts from the last commit and reads on from there.
        func crash() throws {
            runs += 1
            log = Life.open(rows, folder, run: runs)
            unwritten = []
            try log.recover(try LogState(decoding: committedState.encoded()).views)
            appended = committedRows
        }
    }

    @Test(arguments: 1...25) func crashesAtEveryStep(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let life = try Life(rows)
        for _ in 0..<60 {
            switch Int.random(in: 0..<8, using: &random) {
            case 0, 1: try life.append(.random(in: 1...40, using: &random))
            case 2: life.takeParts(all: random.isOneIn(2))
            case 3: try life.write(.random(in: 0...4, using: &random))
            case 4:
                // Written, but the thread does not know yet.
                if let part = life.unwritten.first, random.isOneIn(2) {
                    try part.write(sync: false)
                    life.unwritten.removeFirst()
                    try life.crash()
                }
            case 5, 6: try commit(life, &random)
            default: if random.isOneIn(3) { try life.crash() }
            }
            try checkPublished(life, seed)
        }
        life.takeParts(all: true)
        try life.write(.max)
        life.committedState = LogState(views: [try life.log.commitState(sync: true)])
        life.committedRows = life.appended
        try life.log.committed()
        let offsets = try checkPublished(life, seed)
        #expect(offsets == Array(0..<life.appended), "seed \(seed)")
        let left = try FileManager.default.subpathsOfDirectory(atPath: life.folder.path)
        #expect(left.allSatisfy { !$0.hasSuffix(".segment") && !$0.hasSuffix(".inprogress") }, "seed \(seed): \(left)")
    }

    private func commit(_ life: Life, _ random: inout SeededGenerator) throws {
        let state = try life.log.commitState(sync: random.isOneIn(4))
        if random.isOneIn(5) { return try life.crash() }
        life.committedState = LogState(views: [state])
        life.committedRows = life.appended
        if random.isOneIn(5) { return try life.crash() }
        try life.log.committed()
        if random.isOneIn(5) { try life.crash() }
    }

    /// Rows that a reader can see: each once, and none that no commit has fixed. Gives their offsets.
    @discardableResult
    private func checkPublished(_ life: Life, _ seed: UInt64) throws -> [Int] {
        var offsets: [Int] = []
        for path in try FileManager.default.subpathsOfDirectory(atPath: life.folder.path) where path.hasSuffix(".parquet") {
            guard path.hasPrefix("cards/"), !path.contains("/.") else { continue }
            offsets += try #require(life.contents[String(path.dropFirst("cards/".count))])
        }
        offsets.sort()
        #expect(Set(offsets).count == offsets.count, "a row is there twice; seed \(seed)")
        #expect(offsets.last ?? -1 < life.committedRows, "a row that no commit has fixed; seed \(seed)")
        return offsets
    }

    /// What the parts hold is what went in: read by pyarrow.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["FRESHET_PYTHON"] != nil)) func partsByPython() throws {
        let life = try Life(rows)
        for _ in 0..<3 {
            try life.append(50)
            life.takeParts(all: true)
            try life.write(.max)
        }
        life.committedState = LogState(views: [try life.log.commitState(sync: true)])
        try life.log.committed()
        let python = Process()
        python.executableURL = URL(fileURLWithPath: try #require(ProcessInfo.processInfo.environment["FRESHET_PYTHON"]))
        python.arguments = [
            "-c",
            """
            import sys, pyarrow.dataset as d
            t = d.dataset(sys.argv[1], format='parquet').to_table()
            for r in sorted(zip(t['offset'].to_pylist(), t['card'].to_pylist(), t['number'].to_pylist())): print(*r, sep=' ')
            """, life.folder.path + "/cards",
        ]
        let output = Pipe()
        python.standardOutput = output
        try python.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        python.waitUntilExit()
        #expect(text.split(separator: "\n") == (0..<150).map { "\($0) card \($0 % 7) \($0 * 3)" })
    }

    /// A view and a source have left the pipeline between a commit and the publishing of its parts.
    @Test func partsOfLogsThatAreGone() throws {
        let folder = try Folder()
        let source = rows.plan.sources[0]
        let archive = ViewLog(
            directory: folder.path, eventsOf: source, pipeline: "test", version: 3, unique: "run0", keepsSegments: true)
        let events = Archive.buffer(source, capacity: 3)
        for row in 0..<3 {
            (events.times[row], events.partitions[row], events.offsets[row]) = (0, 0, Int64(row))
            for column in events.values { (column.words[row], column.valid[row]) = (0, 1) }
        }
        events.count = 3
        let view = ViewLog(
            directory: folder.path, rows.program, source: source, pipeline: "test", version: 3, unique: "run0",
            keepsSegments: true)
        let snapshots = rows.buffer(3)
        rows.fill(snapshots, 0..<3)
        var states: [LogState.ViewState] = []
        for (log, buffer) in [(archive, events), (view, snapshots)] {
            try log.append(buffer, created: 5)
            for part in log.takeParts(all: true) {
                try part.write(sync: true)
                log.wrote(part)
            }
            states.append(try log.commitState(sync: true))
        }
        #expect(LogFiles.parts(in: folder.path).isEmpty)
        states = try LogState(decoding: LogState(views: states).encoded()).views
        try ViewLog.publishParts(of: states, without: [], directory: folder.path)
        let parts = LogFiles.parts(in: folder.path)
        #expect(try parts.map { try LogFiles.read(part: $0) }.reduce(0, +) == 6, "\(parts)")
        #expect(parts.count { $0.hasPrefix("\(folder.path)/_events/\(source.name)/dt=") } == 1, "\(parts)")
    }

    @Test func whatNoCommitNamesGoes() throws {
        let life = try Life(rows)
        try life.append(100)
        life.takeParts(all: true)
        try life.write(.max)
        try life.append(10)
        #expect(!ViewLog.hasRows(directory: life.folder.path, view: "cards", ignoringSegments: true), "nothing is published yet")
        try life.crash()
        let left = try FileManager.default.subpathsOfDirectory(atPath: life.folder.path)
        #expect(left.allSatisfy { !$0.contains("run0") }, "\(left)")
    }
}
