import Foundation
import Glibc
import Parquet
import Testing

/// Prints CPU time and size per row of a feature log; runs when FRESHET_BENCHMARK is set, and means something with `-c release`.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["FRESHET_BENCHMARK"] != nil), .serialized)
struct FileWriterBenchmark {
    @Test(arguments: [10_000, 100_000])
    func featureLog(rowsOfGroup: Int) throws {
        let groups = 2_000_000 / rowsOfGroup
        let table = Self.featureLog(rowCount: rowsOfGroup)
        try withTemporaryFolder { folder in
            var writer = try FileWriter(path: "\(folder)/log.parquet", schema: table.columns.map(\.schema))
            let start = cpuNanoseconds()
            try withColumnData(table.columns[...], from: 0) { columns throws(ParquetError) in
                for _ in 0..<groups { try writer.write(rowCount: rowsOfGroup, columns: columns) }
            }
            let size = try writer.finish()
            let rows = rowsOfGroup * groups
            print("row groups of \(rowsOfGroup): \((cpuNanoseconds() - start) / rows) ns CPU and \(size / rows) bytes a row")
        }
        // Column by column, to see where the time goes.
        for column in table.columns {
            try withTemporaryFolder { folder in
                var writer = try FileWriter(path: "\(folder)/column.parquet", schema: [column.schema])
                let start = cpuNanoseconds()
                try withColumnData([column], from: 0) { columns throws(ParquetError) in
                    for _ in 0..<groups { try writer.write(rowCount: rowsOfGroup, columns: columns) }
                }
                let size = try writer.finish()
                let rows = Double(rowsOfGroup * groups)
                let time = Double(cpuNanoseconds() - start) / rows
                print("  \(column.schema.name): \(String(format: "%.1f ns, %.2f bytes", time, Double(size) / rows))")
            }
        }
    }

    static func featureLog(rowCount: Int) -> Table {
        var generator = SeededGenerator(seed: 1)
        let rows = 0..<rowCount
        func word(_ value: Double) -> Int64 { Int64(bitPattern: value.bitPattern) }
        var time: Int64 = 1_700_000_000_000_000
        var offset: Int64 = 5_000_000
        var columns = [
            TableColumn("customer_id", texts: rows.map { _ in "customer-\(Int.random(in: 10_000..<15_000, using: &generator))" }),
            TableColumn(
                "event_timestamp", .timestampMicrosUTC,
                words: rows.map { _ in
                    time += Int64.random(in: 0...200_000, using: &generator)
                    return time
                }),
            TableColumn("created", .timestampMicrosUTC, words: rows.map { _ in 1_700_000_500_000_000 }),
        ]
        let allValid = [UInt8](repeating: 1, count: rowCount)
        for (position, most) in [3, 10, 20, 50, 200, 1000].enumerated() {
            columns.append(
                TableColumn(
                    "count\(position)", .int64, words: rows.map { _ in Int64.random(in: 0...Int64(most), using: &generator) },
                    valid: allValid))
        }
        for position in 0..<6 {
            columns.append(
                TableColumn(
                    "avg\(position)", .double,
                    words: rows.map { _ in
                        let count = Int.random(in: 1...50, using: &generator)
                        return word(Double(Int.random(in: 100...1_000_000, using: &generator)) / 100 / Double(count))
                    },
                    valid: position < 3
                        ? allValid : rows.map { _ in UInt8.random(in: 0..<100, using: &generator) < 5 ? 0 : 1 }))
        }
        columns.append(TableColumn("partition", .int32, words: rows.map { _ in Int64.random(in: 0..<8, using: &generator) }))
        columns.append(
            TableColumn(
                "offset", .int64,
                words: rows.map { _ in
                    offset += Int64.random(in: 1...3, using: &generator)
                    return offset
                }))
        return Table(columns: columns, groups: [rowCount])
    }
}

func cpuNanoseconds() -> Int {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}
