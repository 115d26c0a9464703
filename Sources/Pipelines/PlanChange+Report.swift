extension PlanChange {
    /// For a person to read, as `freshet plan` prints it: a line for each source, view and value, with what became of it, what it
    /// needs, and why.
    public var report: String {
        var rows: [[String]] = []
        func add(_ item: Item, _ name: String, needs: String? = nil) {
            let note =
                item.backfill.isEmpty ? item.note : ([item.note].filter { !$0.isEmpty } + item.backfill).joined(separator: "; ")
            rows.append([name, item.kind.rawValue, needs ?? (item.backfill.isEmpty ? "nothing" : "backfill"), note])
        }
        var lines = ["pipeline \(new.pipeline), version \(old.version) to \(new.version)"]
        for item in pipeline { add(item, "  \(item.name)") }
        for change in sources {
            rows.append([])
            add(change.source, "source \(change.source.name)", needs: "")
            for item in change.properties { add(item, "  \(item.name)", needs: "") }
        }
        for change in views {
            rows.append([])
            add(change.view, "view \(change.view.name)", needs: change.fits ? "nothing" : "backfill")
            for item in change.properties { add(item, "  \(item.name)") }
            for item in change.values { add(item, "  \(item.name)") }
        }
        lines += aligned(rows, indent: 0)
        lines += ["", conclusion]
        return lines.joined(separator: "\n") + "\n"
    }

    private var conclusion: String {
        if fits { return "The new pipeline goes on from the state." }
        let count = views.count { !$0.fits }
        guard count > 0 else { return "The new pipeline cannot go on from the state." }
        return
            "The new pipeline cannot go on from the state: \(count) of \(views.count) views need\(count == 1 ? "s" : "") a backfill."
    }
}
