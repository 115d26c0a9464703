internal import Engine
internal import Records

extension DayRows {
    /// Orders the rows by partition and offset, and gives ranges of rows that are about as long as asked for, each of whole
    /// partitions.
    func sortByOrigin(groupRowsMin: Int) -> [Range<Int>] {
        let isSorted = (1..<max(1, count)).allSatisfy {
            (partitions[$0 - 1], offsets[$0 - 1]) <= (partitions[$0], offsets[$0])
        }
        if !isSorted {
            let order = (0..<count).sorted { (partitions[$0], offsets[$0]) < (partitions[$1], offsets[$1]) }
            arrange(order)
        }
        var groups: [Range<Int>] = []
        var start = 0
        for row in 0..<count {
            let isLastOfPartition = row + 1 == count || partitions[row + 1] != partitions[row]
            guard isLastOfPartition, row + 1 - start >= groupRowsMin || row + 1 == count else { continue }
            groups.append(start..<row + 1)
            start = row + 1
        }
        return groups
    }

    /// Puts row `order[n]` in place n.
    private func arrange(_ order: [Int]) {
        let words = Lane<Int64>.allocate(count)
        let flags = Lane<UInt8>.allocate(count)
        defer {
            words.deallocate()
            flags.deallocate()
        }
        func arrange<Element>(_ lane: Lane<Element>, by scratch: Lane<Element>) {
            for (row, source) in order.enumerated() { scratch[row] = lane[source] }
            lane.copy(from: scratch, at: 0, to: 0, count: count)
        }
        for lane in [times, created, partitions, offsets] { arrange(lane, by: words) }
        for column in entity + values {
            arrange(column.words, by: words)
            arrange(column.valid, by: flags)
        }
    }
}
