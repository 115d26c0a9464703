import Glibc
import RocksDB
import Testing

@Suite(.serialized) struct CrashTests {
    let scratch = Scratch()

    /// A child writes batches of 100 rows under one number each until it kills itself in the middle of it.
    @Test func aKilledWriterLeavesWholeBatches() async throws {
        unsafe setenv("ROCKSDB_TESTS_DATABASE", scratch.database, 1)
        await #expect(processExitsWith: .signal(SIGKILL)) {
            let database = try Database(path: unsafe String(cString: getenv("ROCKSDB_TESTS_DATABASE")))
            async let _: Void = {
                _ = usleep(300_000)
                kill(getpid(), SIGKILL)
            }()
            for number in 0..<UInt32.max {
                try database.put((0..<100).map { (bigEndian($0), bigEndian(number)) } + [(bigEndian(1_000 + number), [])])
            }
        }
        let database = try Database(path: scratch.database)
        let rows = try database.rows()
        let batches = rows.count - 100
        #expect(batches > 0)
        #expect(rows[0..<100].allSatisfy { $0.value == bigEndian(UInt32(batches - 1)) })
        #expect(rows.last?.key == bigEndian(UInt32(1_000 + batches - 1)))
    }

    /// The log cut at any byte gives back a prefix of the batches, each whole.
    @Test func aTornLogLeavesWholeBatches() throws {
        let database = try Database(path: scratch.database)
        for number in 0..<20 as Range<UInt32> {
            try database.put((0..<10).map { (bigEndian(number * 10 + $0), bigEndian(number)) })
        }
        let log = try #require(Scratch.files(scratch.database, ending: ".log").last)
        var status = stat()
        unsafe stat(scratch.database + "/" + log, &status)
        var last = -1
        for cut in stride(from: 0, through: Int(status.st_size), by: 61) {
            let copy = scratch.copy(scratch.database, to: "cut-\(cut)")
            unsafe truncate(copy + "/" + log, cut)
            let torn = try Database(path: copy)
            let count = try torn.rows().count
            #expect(count % 10 == 0 && count >= last, "cut at \(cut)")
            #expect(try torn.rows().enumerated().allSatisfy { $1.key == bigEndian(UInt32($0)) })
            last = count
        }
        #expect(last >= 180)
    }

    @Test func anOpenDatabaseIsLocked() async throws {
        let database = try Database(path: scratch.database)
        let here = try #require(openError(scratch.database))
        #expect(here.isLocked, "\(here)")
        unsafe setenv("ROCKSDB_TESTS_DATABASE", scratch.database, 1)
        await #expect(processExitsWith: .success) {
            let error = try #require(openError(unsafe String(cString: getenv("ROCKSDB_TESTS_DATABASE"))))
            try #require(error.isLocked, "\(error)")
            try #require(error.description.contains("open elsewhere"))
        }
        database.close()
        #expect(openError(scratch.database) == nil)
    }

    @Test func aReaderSeesWhatWasCommitted() throws {
        let database = try Database(path: scratch.database)
        try database.put([([1], [1])])
        try database.flush()
        try database.put([([2], [2])])
        var options = DatabaseOptions()
        options.readOnly = true
        let reader = try Database(path: scratch.database, options: options)
        #expect(try reader.rows() == [Row(key: [1], value: [1]), Row(key: [2], value: [2])])

        // Its view stays, even where the writer has deleted the files it is of.
        try database.put([([3], [3])])
        try database.compactAll()
        #expect(try reader.values([[1], [2], [3]]) == [[1], [2], nil])
        do throws(RocksDBError) {
            try reader.put([([4], [4])])
            Issue.record("a reader wrote")
        } catch {
            #expect(error.kind == .notSupported)
        }
        let later = try Database(path: scratch.database, options: options)
        #expect(try later.rows().count == 3)
        #expect(openError(scratch.path + "/none", options) != nil)
    }

    /// A changed byte in the log, wherever it is, is an error that names the log: it may be of a batch that was synced.
    @Test func aDamagedLogIsRefusedAndNamed() throws {
        let database = try Database(path: scratch.database)
        for number in 0..<200 as Range<UInt32> {
            // Some batches span blocks of the log.
            try database.put((0..<10).map { (bigEndian(number * 10 + $0), [UInt8](repeating: UInt8(number), count: 60)) })
        }
        let log = try #require(Scratch.files(scratch.database, ending: ".log").last)
        var status = stat()
        unsafe stat(scratch.database + "/" + log, &status)
        #expect(status.st_size > 3 * 32_768)
        for place in stride(from: 0, to: Int(status.st_size), by: 3_517) {
            let copy = scratch.copy(scratch.database, to: "damaged-\(place)")
            let stream = unsafe fopen(copy + "/" + log, "r+")!
            unsafe fseek(stream, place, SEEK_SET)
            let byte = unsafe fgetc(stream)
            unsafe fseek(stream, place, SEEK_SET)
            unsafe fputc(byte ^ 0x10, stream)
            unsafe fclose(stream)
            for readOnly in [true, false] {
                var options = DatabaseOptions()
                options.readOnly = readOnly
                let error = openError(copy, options)
                #expect(
                    error?.isCorruption == true && error?.message.contains(log) == true, "\(place): \(String(describing: error))")
            }
        }
    }

    @Test func brokenTableFilesAreNamed() throws {
        var database = try Database(path: scratch.database)
        try database.put((0..<20_000).map { (bigEndian($0), bigEndian($0 &* 2_654_435_761)) })
        try database.flush()
        database.close()
        let file = try #require(Scratch.files(scratch.database, ending: ".sst").first)
        let stream = unsafe fopen(scratch.database + "/" + file, "r+")!
        unsafe fseek(stream, 3_000, SEEK_SET)
        unsafe fputs("these bytes were not here", stream)
        unsafe fclose(stream)

        database = try Database(path: scratch.database)
        func failure(_ call: () throws -> Void) -> RocksDBError? {
            do { try call() } catch { return error as? RocksDBError }
            return nil
        }
        let errors = [
            failure { _ = try database.rows() },
            failure { _ = try database.values((0..<300).map { bigEndian($0 * 5) }) },
            failure { for number in 0..<2_000 as Range<UInt32> { _ = try database.value(bigEndian(number)) } },
            failure { try database.compactAll() },
            failure { try database.put([([1], [1])]) },
        ]
        for (index, error) in errors.enumerated() {
            #expect(
                error?.isCorruption == true && error?.message.contains(file) == true, "\(index): \(String(describing: error))")
        }
    }

    @Test func theFileSystemsRefusalSaysWhy() throws {
        let error = try #require(openError("/proc/no/such"))
        #expect(error.kind == .inputOutput && error.message.contains("No such file or directory"), "\(error)")
    }
}
