import Foundation
import Glibc
import Parquet
import Testing

/// Prints how fast columns are read on one thread; runs when FRESHET_BENCHMARK is set, and means something with `-c release`.
/// With FRESHET_BENCHMARK_FILES, a folder, each column of its Parquet files is read too, whoever wrote them.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["FRESHET_BENCHMARK"] != nil), .serialized)
struct TableReaderBenchmark {
    @Test func ourFiles() throws {
        let rowsOfGroup = 1_000_000
        let table = FileWriterBenchmark.featureLog(rowCount: rowsOfGroup)
        try withTemporaryFolder { folder in
            let path = "\(folder)/log.parquet"
            var writer = try FileWriter(path: path, schema: table.columns.map(\.schema))
            try withColumnData(table.columns[...], from: 0) { columns throws(ParquetError) in
                for _ in 0..<4 { try writer.write(rowCount: rowsOfGroup, columns: columns) }
            }
            _ = try writer.finish(sync: false)
            try measure(path)
        }
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["FRESHET_BENCHMARK_FILES"] != nil))
    func foreignFiles() throws {
        let folder = ProcessInfo.processInfo.environment["FRESHET_BENCHMARK_FILES"]!
        for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() where name.hasSuffix(".parquet") {
            try measure("\(folder)/\(name)")
        }
    }

    private func measure(_ path: String) throws {
        let reader = try TableReader(path: path)
        print(URL(fileURLWithPath: path).lastPathComponent)
        for position in reader.columns.indices {
            guard let type = reader.columns[position].type else { continue }
            // The second time the file is in the system's cache.
            var best = Int.max
            for _ in 0..<3 {
                let start = cpuNanoseconds()
                var scan = try reader.scan([position])
                while try scan.next(rowsMax: 8192) > 0 {}
                best = min(best, cpuNanoseconds() - start)
            }
            let speed = String(format: "%.0f", Double(reader.rowCount) / Double(best) * 1000)
            print("  \(reader.columns[position].name), \(type): \(speed) M values/s")
        }
    }
}
