internal import Engine
internal import Parquet
internal import Pipelines
internal import Records

/// The memory that parts are encoded with, one after the other.
public final class PartMemory {
    let writer = WriterMemory()
    public init() {}
}

/// Rows that are to become one Parquet file, written under a hidden name that no reader looks at, then published by a
/// rename once the commit that fixes its rows is durable.
public final class Part: @unchecked Sendable {
    /// `dt=YYYY-MM-DD/<unique>.parquet`, within the view's folder.
    public let name: String
    /// `dt=YYYY-MM-DD`.
    var day: Substring { Part.day(of: name) }
    private let folder: String
    /// The folder of all logs.
    private let top: String
    private let schema: LogSchema
    private(set) var rows: DayRows?
    private var isWritten = false

    /// - Parameter top: `folder`, or one above it, whose own name is known to last.
    init(folder: String, top: String, unique: String, schema: LogSchema, rows: DayRows) {
        self.folder = folder
        self.top = top
        self.schema = schema
        self.rows = rows
        let date = EventTime(microseconds: rows.day * 86_400_000_000).utcDate
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(abs(number))
            return (number < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        name = "dt=\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))/\(unique).parquet"
    }

    private static func day(of name: String) -> Substring { name[..<name.lastIndex(of: "/")!] }

    static func hiddenName(of name: String) -> String {
        let slash = name.lastIndex(of: "/")!
        return name[...slash] + "." + name[name.index(after: slash)...] + ".inprogress"
    }

    /// Writes the file. With `sync` it and its name are on disk when this returns: a commit that names it may be. Any thread may do
    /// it, once.
    public func write(sync: Bool, memory: PartMemory = PartMemory()) throws(HistoryError) {
        guard let rows, !isWritten else { preconditionFailure("a part is written once") }
        let path = "\(folder)/\(Part.hiddenName(of: name))"
        try Folder.make(String(path[..<path.lastIndex(of: "/")!]))
        do throws(ParquetError) {
            let content = schema.content(of: rows)
            var writer = try FileWriter(
                path: path, schema: content.columns, metadata: schema.metadata, checksums: true, memory: memory.writer)
            for group in content.groups { try writer.write(rowCount: group.count, columns: content.data(from: group.lowerBound)) }
            _ = try writer.finish(sync: sync)
        } catch {
            throw HistoryError(error)
        }
        if sync { try Folder.sync("\(folder)/\(day)", upTo: top) }
        isWritten = true
    }

    /// Gives the rows back, which the part needs no more. Requires: it was written.
    func takeRows() -> DayRows? {
        precondition(isWritten, "rows that are in no file yet")
        defer { rows = nil }
        return rows
    }

    static func publish(_ name: String, in folder: String) throws(HistoryError) {
        let hidden = "\(folder)/\(hiddenName(of: name))"
        guard Folder.exists(hidden) else { return }
        let path = "\(folder)/\(name)"
        guard !Folder.exists(path) else { throw HistoryError("cannot rename to \(path): it is there already") }
        try Folder.rename(hidden, to: path)
    }

    /// Publishes the parts that the last commit named, whether or not it was done before, and waits until their names are on disk: the
    /// next commit no longer names them.
    static func publishLasting(_ names: [String], in folder: String) throws(HistoryError) {
        for name in names { try publish(name, in: folder) }
        // Whoever has taken days away may.
        for day in Set(names.map(day)).sorted() where Folder.exists("\(folder)/\(day)") { try Folder.sync("\(folder)/\(day)") }
    }
}
