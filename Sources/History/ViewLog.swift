public import Engine
public import Pipelines
internal import Records

/// The offline log of one view, or the archive of one source's events, as one thread writes it.
///
/// # Contract
/// - Rows are gathered by day and become parts all at once, when they are many, when they are old, and at the end.
/// - With `keepsSegments`, every row also goes to an append-only segment at once, so that a commit needs no part: it fixes the
///   segments' lengths. A segment goes when the parts of all its rows are published.
/// - A part is published only after the commit that names it (`commitState`, then `committed`), so a reader never sees a
///   row that a crash could take back.
public final class ViewLog {
    /// Under which commits know it.
    private let name: String
    /// Whether a commit's log by another name is of this folder too, with other columns.
    private let isOfFolder: (String) -> Bool
    public let folder: String
    /// The folder of all logs.
    private let directory: String
    private let schema: LogSchema
    private let entityTypes: [FieldType]
    private let valueTypes: [FieldType]
    private let unique: String
    private let keepsSegments: Bool

    private var days: [Int64: DayRows] = [:]
    /// Emptied days whose memory the next ones take: asking the system for it again costs as much as filling it.
    private var spare: [DayRows] = []
    private var gathered = 0
    private var gatheredSince: Int64?
    private var sequence = 0
    private var open: SegmentWriter?
    /// Segments that were closed since the last commit, so that it still has to see them on disk.
    private var closed: [SegmentWriter] = []
    private var syncsNames = false
    /// Full or older segments whose rows are gathered, not yet parts.
    private var sealed: [LogState.SegmentState] = []
    private var conversions: [Conversion] = []
    private var committing: [Conversion] = []
    /// The greatest `created` so far, those of earlier runs included.
    private var newestCreated = Int64.min
    /// Rows that went in since the start.
    public private(set) var rowCount = 0

    /// Rows on their way into parts, and the segments that hold them until then.
    private final class Conversion {
        var parts: [Part]
        var segments: [LogState.SegmentState]
        var unwritten: Int

        init(parts: [Part], segments: [LogState.SegmentState]) {
            self.parts = parts
            self.segments = segments
            unwritten = parts.count
        }
    }

    /// - Parameter unique: differs between all threads and all runs that ever write into the directory.
    public init(
        directory: String, _ program: ViewProgram, source: SourcePlan, pipeline: String, version: Int, unique: String,
        keepsSegments: Bool
    ) {
        let view = program.plan
        name = view.name
        isOfFolder = { _ in false }
        self.directory = directory
        folder = "\(directory)/\(view.name)"
        let entity = view.entity.map { (name: source.fields[$0].name, type: source.fields[$0].type) }
        schema = LogSchema(view, entity: entity, pipeline: pipeline, version: version)
        entityTypes = program.entityTypes
        valueTypes = program.valueTypes
        self.unique = unique
        self.keepsSegments = keepsSegments
    }

    /// The archive of a source: takes `Archive.buffer`s.
    ///
    /// - Parameter unique: differs between all threads and all runs that ever write into the directory.
    public init(
        directory: String, eventsOf source: SourcePlan, pipeline: String, version: Int, unique: String, keepsSegments: Bool
    ) {
        name = Archive.stateName(source)
        isOfFolder = { Archive.isState($0, of: source) }
        self.directory = directory
        folder = "\(directory)/\(Archive.folder(of: source.name))"
        schema = LogSchema(eventsOf: source, pipeline: pipeline, version: version)
        entityTypes = []
        valueTypes = Archive.valueTypes(source)
        self.unique = unique
        self.keepsSegments = keepsSegments
    }

    /// Whether a directory has rows of the view already: parts, or segments, which without a commit that names them are
    /// nothing to the run that owns the folder.
    public static func hasRows(directory: String, view: String, ignoringSegments: Bool) -> Bool {
        if !ignoringSegments && !Folder.names("\(directory)/\(view)/_segments").isEmpty { return true }
        // Hidden files are what an interrupted run left: nobody ever read them.
        return Folder.names("\(directory)/\(view)").contains { day in
            day.hasPrefix("dt=") && Folder.names("\(directory)/\(view)/\(day)").contains { !$0.hasPrefix(".") }
        }
    }

    /// Whether another log's rows go into the same folder with the same columns.
    public func writesLike(_ other: ViewLog) -> Bool { folder == other.folder && schema == other.schema }

    /// Publishes the parts that the last commit named of views that no log is of any more.
    public static func publishParts(
        of states: [LogState.ViewState], without logs: [ViewLog], directory: String
    ) throws(HistoryError) {
        for state in states where !logs.contains(where: { $0.name == state.view || $0.isOfFolder(state.view) }) {
            try Part.publishLasting(state.parts, in: "\(directory)/\(state.folder)")
        }
    }

    /// Rows of this run are newer by `created` than those that the last commit knew of, whichever thread's they were.
    public func goOn(from states: [LogState.ViewState]) {
        for state in states where state.view == name { newestCreated = max(newestCreated, state.newestCreated) }
    }

    /// Takes all rows of a buffer, which may be reused then. `created` is now, in microseconds: the rows get a later instant if
    /// earlier ones have that already, so that of two rows of one event the one that was made last is the newest. Gives that instant.
    @discardableResult
    public func append(_ rows: RowBuffer, created now: Int64) throws(HistoryError) -> Int64 {
        guard rows.count > 0 else { return now }
        let created = max(now, newestCreated == .min ? now : newestCreated + 1)
        newestCreated = created
        if keepsSegments {
            if open == nil {
                open = try SegmentWriter(
                    folder: "\(folder)/_segments", top: directory, name: "\(unique)-\(sequence).segment")
                sequence += 1
            }
            try open?.append(rows, created: created)
        }
        gather(rows, created: created)
        rowCount += rows.count
        return created
    }

    private func gather(_ rows: RowBuffer, created: Int64) {
        var from = 0
        while from < rows.count {
            let day = DayRows.day(of: rows.times[from])
            var to = from + 1
            while to < rows.count && DayRows.day(of: rows.times[to]) == day { to += 1 }
            let target = days[day] ?? newDay(day, rows: to - from)
            target.append(rows, from: from, to: to, created: created)
            from = to
        }
        gathered += rows.count
    }

    private func newDay(_ day: Int64, rows: Int) -> DayRows {
        let target: DayRows
        if let used = spare.popLast() {
            used.restart(day: day)
            target = used
        } else {
            target = DayRows(day: day, entity: entityTypes, values: valueTypes, capacity: max(256, rows))
        }
        days[day] = target
        return target
    }

    /// Whether the gathered rows are enough or old enough to become parts. `now`: microseconds of a clock that does not go back; rows
    /// are as old as the first time that this was asked of them.
    public func isDue(now: Int64) -> Bool {
        guard gathered > 0 else { return false }
        let gatheredSince = self.gatheredSince ?? now
        self.gatheredSince = gatheredSince
        return gathered >= Bounds.gatheredRowsMax || now - gatheredSince >= Bounds.gatheredAgeMax
            || days.values.reduce(0) { $0 + $1.text.count } >= Bounds.gatheredTextMax
    }

    /// Turns gathered rows into parts; the caller has each written, on any thread, and then calls `wroteOne`.
    ///
    /// Without segments, rows of days that are still small may stay for company, unless `all` asks for them.
    public func takeParts(all: Bool) -> [Part] {
        var taken = Array(days.values)
        if !all && !keepsSegments {
            let large = taken.filter { $0.count >= Bounds.gatheredRowsMax / 16 }
            if !large.isEmpty { taken = large }
        }
        guard !taken.isEmpty else { return [] }
        let parts = taken.sorted { $0.day < $1.day }.map { rows in
            defer { sequence += 1 }
            return Part(folder: folder, top: directory, unique: "\(unique)-\(sequence)", schema: schema, rows: rows)
        }
        for rows in taken {
            days[rows.day] = nil
            gathered -= rows.count
        }
        if days.isEmpty { gatheredSince = nil }
        var segments = sealed
        sealed = []
        if let open {
            segments.append(LogState.SegmentState(name: open.name, length: open.length))
            closed.append(open)
        }
        open = nil
        conversions.append(Conversion(parts: parts, segments: segments))
        return parts
    }

    /// A part was written.
    public func wrote(_ part: Part) {
        if let rows = part.takeRows(), spare.reduce(rows.capacity, { $0 + $1.capacity }) <= Bounds.spareRowsMax {
            spare.append(rows)
        }
        for conversion in conversions where conversion.parts.contains(where: { $0 === part }) { conversion.unwritten -= 1 }
    }

    /// What the commit under way is to fix. Segments are synced to disk if asked. `committed` follows before the next.
    public func commitState(sync: Bool) throws(HistoryError) -> LogState.ViewState {
        let (state, segments) = commitState(syncsNames: sync)
        if sync { try segments.sync() }
        return state
    }

    /// What the commit under way is to fix, and the segments that have to be synced before it is durable: any thread may do that
    /// while rows are appended on. `committed` follows before the next.
    ///
    /// - Parameter syncsNames: whether `committed` is to sync the new names of parts.
    public func commitState(syncsNames: Bool) -> (LogState.ViewState, UnsyncedSegments) {
        precondition(committing.isEmpty, "one commit at a time")
        self.syncsNames = syncsNames
        var unsynced = closed
        closed = []
        var state = LogState.ViewState(view: name)
        state.newestCreated = newestCreated
        committing = conversions.filter { $0.unwritten == 0 }
        conversions.removeAll { $0.unwritten == 0 }
        state.parts = committing.flatMap { $0.parts.map(\.name) }
        state.segments = conversions.flatMap(\.segments) + sealed
        if let open {
            unsynced.append(open)
            state.segments.append(LogState.SegmentState(name: open.name, length: open.length))
        }
        return (state, UnsyncedSegments(segments: unsynced))
    }

    /// The commit is durable: its parts appear, the segments that they replace go.
    public func committed() throws(HistoryError) {
        for conversion in committing {
            for part in conversion.parts { try Part.publish(part.name, in: folder) }
            // The next commit no longer names the parts: their new names have to be on disk by then.
            if syncsNames { for day in Set(conversion.parts.map(\.day)) { try Folder.sync("\(folder)/\(day)") } }
            for segment in conversion.segments { try Folder.remove("\(folder)/_segments/\(segment.name)") }
        }
        committing = []
    }

    /// Removes the files of parts that were written and never published.
    public func discardParts() throws(HistoryError) {
        for part in (conversions + committing).flatMap(\.parts) {
            try Folder.remove("\(folder)/\(Part.hiddenName(of: part.name))")
        }
        conversions = []
        committing = []
    }

    /// Brings a view's folder to what the last commit fixed, whatever happened since: publishes its parts, removes what no
    /// commit names, and gathers the rows of its segments. Requires: nothing was appended yet.
    public func recover(_ states: [LogState.ViewState]) throws(HistoryError) {
        let own = states.filter { $0.view == name }
        let older = states.filter { $0.view != name && isOfFolder($0.view) }
        if let state = older.first(where: { !$0.segments.isEmpty }) {
            throw HistoryError(
                "\(folder) has rows of other columns that are not Parquet yet, those of \(state.view): let the pipeline that wrote"
                    + " them run and stop cleanly first", isInput: true)
        }
        try Part.publishLasting((own + older).flatMap(\.parts), in: folder)
        for day in Folder.names(folder) where day.hasPrefix("dt=") {
            for file in Folder.names("\(folder)/\(day)") where file.hasPrefix(".") && file.hasSuffix(".inprogress") {
                try Folder.remove("\(folder)/\(day)/\(file)")
            }
        }
        let segments = own.flatMap(\.segments)
        for file in Folder.names("\(folder)/_segments") where !segments.contains(where: { $0.name == file }) {
            try Folder.remove("\(folder)/_segments/\(file)")
        }
        let rows = RowBuffer(entity: entityTypes, values: valueTypes, capacity: Bounds.rowBufferRows)
        for segment in segments {
            let reader = try SegmentReader(path: "\(folder)/_segments/\(segment.name)", committed: segment.length)
            while let created = try reader.next(into: rows) { gather(rows, created: created) }
            sealed.append(segment)
        }
    }
}
