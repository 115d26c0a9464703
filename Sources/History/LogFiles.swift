internal import Parquet

/// The files of an offline log, read from end to end: whatever a checksum covers is compared with it.
public enum LogFiles {
    /// The published parts of all views and archives in a log folder.
    public static func parts(in directory: String) -> [String] {
        Folder.files(below: directory, ending: ".parquet") + Folder.files(below: "\(directory)/_events", ending: ".parquet")
    }

    /// Gives the number of rows.
    public static func read(part path: String) throws(HistoryError) -> Int {
        do throws(ParquetError) {
            let reader = try TableReader(path: path)
            // A column at a time: that is how a file lies.
            for position in reader.columns.indices where reader.columns[position].type != nil {
                var scan = try reader.scan([position])
                while try scan.next(rowsMax: Bounds.rowBufferRows) > 0 {}
            }
            return reader.rowCount
        } catch {
            throw HistoryError(error)
        }
    }

    /// The segments that a commit named, as paths, and their committed bytes.
    public static func segments(of state: LogState, in directory: String) -> [(path: String, length: UInt64)] {
        state.views.flatMap { view in
            view.segments.map { ("\(directory)/\(view.folder)/_segments/\($0.name)", $0.length) }
        }
    }

    public static func read(segment path: String, length: UInt64) throws(HistoryError) {
        let reader = try SegmentReader(path: path, committed: length)
        while try reader.nextBlock() != nil {}
    }
}
