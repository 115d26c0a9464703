internal import Aggregates
internal import Records
internal import Windows

/// A window of a pass with resolution over a long log.
struct TiledWindow {
    /// What the tiles hold that are in it and not in the next shorter one; nil where there are none.
    var sums: TileRows?
    /// The tile that it holds more of than it should, or nil where it is exact.
    var loose: Int64?
}

extension Evaluator {
    /// Whether values evaluated since the last call need events that have become tiles.
    mutating func takeMissesTiled() -> Bool {
        defer { missesTiled = false }
        return missesTiled
    }

    /// A pass of windows that go back to the edge of a tile where they hold more than the rule's number of events from there on.
    mutating func evaluateTiled(
        _ log: TimeLog, _ pass: ViewProgram.Pass, _ layout: LogLayout, _ rows: RowBuffer, _ row: Int
    ) {
        let rule = layout.tiles!
        let newer = scratch.edges[pass.windowCount]
        let end = scratch.place(pass.windowCount, in: log)
        placeEdges(log, pass, rule, newer, layout)
        var events = 0
        var window = 0
        func through(_ output: Int, _ body: (TileRows) -> Void) {
            while window <= output {
                if let sums = tiled[window].sums { body(sums) }
                window += 1
            }
        }
        for index in 0..<pass.eventCountCount {
            let output = pass.eventCounts[index]
            through(output.window) { events += $0.eventCount(0) }
            store(events + log.count(from: scratch.place(output.window, in: log), to: end, layout), output.value, rows, row)
        }
        for index in 0..<pass.columnCount {
            let column = pass.columns[index]
            var moments = Moments()
            var walked = end
            window = 0
            for index in 0..<column.stepCount {
                let step = column.steps[index]
                let edge = scratch.place(step.window, in: log)
                if edge != walked {
                    log.addMoments(column.column, from: edge, to: walked, memo: step.number, to: &moments, layout)
                    walked = edge
                }
                through(step.window) { moments.merge($0.moments(0, column.column, layout)) }
                states[step.number].put(moments, row: waiting)
            }
            var values = 0
            window = 0
            for index in 0..<column.outputCount where column.outputs[index].function == .count {
                let output = column.outputs[index]
                through(output.window) { values += $0.valueCount(0, column.column, layout) }
                let edge = scratch.place(output.window, in: log)
                store(values + log.validCount(column.column, from: edge, to: end, layout), output.value, rows, row)
            }
            guard column.kind == .double else { continue }
            walked = end
            doubles.removeAll()
            window = 0
            for index in 0..<column.outputCount where column.outputs[index].function != .count {
                let output = column.outputs[index]
                let edge = scratch.place(output.window, in: log)
                walkDoubles(column, log, edge, output.number, &walked, end, layout)
                through(output.window) { doubles.add($0.doubleMoments(0, column.column, layout)) }
                store(doubles.lower(output.function), output, rows, row)
            }
        }
        for index in 0..<pass.extraCount {
            let extra = pass.extras[index]
            store(extraEvents(extra, log, rule, newer, layout), extra.value, rows, row)
        }
    }

    /// Finds the windows' older edges, where they are and where they go back to, and the tiles between each and the next shorter.
    private mutating func placeEdges(
        _ log: TimeLog, _ pass: ViewProgram.Pass, _ rule: TileRule, _ newer: Int64, _ layout: LogLayout
    ) {
        let end = scratch.place(pass.windowCount, in: log)
        // Tiles that end after the newer edge are none of the window's: only readings of the past meet them.
        let endTile = rule.tile(after: rule.edge(before: newer))
        if newer < log.tiledThrough { missesTiled = true }
        var tilesEnd = endTile
        var tiledEvents = 0
        for window in 0..<pass.windowCount {
            let edge = scratch.edges[window]
            let moved = pass.windows[window] == .max ? edge : rule.edge(before: edge)
            let first = pass.windows[window] == .max ? .min : min(tilesEnd, rule.tile(after: moved))
            let sums =
                log.hasTiles && first < tilesEnd ? log.tileSums(first..<tilesEnd, memo: pass.firstEdge + window, layout) : nil
            tiled[window] = TiledWindow()
            if pass.windows[window] == .max {
                scratch.setStart(window)
            } else if moved < edge {
                let place = log.position(after: moved, layout)
                let events = tiledEvents + (sums?.eventCount(0) ?? 0) + log.count(from: place, to: end, layout)
                if events <= rule.rawEvents {
                    if edge < log.tiledThrough { missesTiled = true }
                    continue
                }
                scratch.setPlace(window, place)
                tiled[window].loose = rule.tile(after: moved)
            }
            tiled[window].sums = sums
            tiledEvents += sums?.eventCount(0) ?? 0
            tilesEnd = first
        }
    }

    /// How many events lie in the tile that a window holds more of than it should.
    private func extraEvents(
        _ extra: ViewProgram.Extra, _ log: TimeLog, _ rule: TileRule, _ newer: Int64, _ layout: LogLayout
    ) -> Int {
        guard let tile = tiled[extra.window].loose else { return 0 }
        let from = scratch.place(extra.window, in: log)
        let to = log.position(after: min(newer, rule.edge(beforeTile: tile + 1)), layout)
        if extra.column < 0 { return log.tiledEvents(tile..<tile + 1) + log.count(from: from, to: to, layout) }
        return log.tiledValues(extra.column, tile..<tile + 1, layout)
            + log.validCount(extra.column, from: from, to: to, layout)
    }
}
