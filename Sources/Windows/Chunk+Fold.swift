public import Aggregates
internal import CKernels
internal import Records

extension Chunk {
    /// Adds the moments of the values among the events `[from, to)` of a column. Requires: integers.
    @inline(__always)
    func addMoments(_ column: LogLayout.Column, from: Int, to: Int, to moments: inout Moments, _ layout: LogLayout) {
        values(column, layout).addMoments(from: from, to: to, to: &moments)
    }

    /// A column's integers. Requires: integers.
    @inline(__always)
    func values(_ column: LogLayout.Column, _ layout: LogLayout) -> ChunkColumn {
        let words = integers(column.wordLane, layout)
        return ChunkColumn(words.lane, reference: words.reference, nulls: nulls(column, layout))
    }

    /// How many of the events `[from, to)` have a value in the column.
    func validCount(_ column: LogLayout.Column, from: Int, to: Int, _ layout: LogLayout) -> Int {
        guard from < to else { return 0 }
        if isWhole(column) { return to &- from }
        return to &- from &- nulls(column, layout).sum(from: from, to: to)
    }

    /// The newest of the events `[from, to)` that has a value in the column.
    func newest(_ column: LogLayout.Column, from: Int, to: Int, _ layout: LogLayout) -> Int? {
        var row = to &- 1
        while row >= from {
            if isValid(row, column, layout) { return row }
            row &-= 1
        }
        return nil
    }

    /// The oldest of the events `[from, to)` that has a value in the column.
    func oldest(_ column: LogLayout.Column, from: Int, to: Int, _ layout: LogLayout) -> Int? {
        var row = from
        while row < to {
            if isValid(row, column, layout) { return row }
            row &+= 1
        }
        return nil
    }
}

extension PackedLane {
    /// Below so many values a call costs more than the loop.
    private static let kernelMin = 10

    /// Adds the values `[from, to)`.
    @inline(__always)
    fileprivate func addMoments(from: Int, to: Int, to moments: inout Moments) {
        let length = to &- from
        guard length > 0 else { return }
        guard length < PackedLane.kernelMin else {
            if width < 8 { return addFolded(from: from, length: length, to: &moments) }
            for row in from..<to { moments.add(self[row]) }
            return
        }
        switch width {
        case 1: addFew(Int8.self, from: from, to: to, to: &moments)
        case 2: addFew(Int16.self, from: from, to: to, to: &moments)
        case 4: addFew(Int32.self, from: from, to: to, to: &moments)
        default: for row in from..<to { moments.add(self[row]) }
        }
    }

    @inline(__always)
    private func addFew<Word: FixedWidthInteger>(_ type: Word.Type, from: Int, to: Int, to moments: inout Moments) {
        let words = unsafe base.assumingMemoryBound(to: Word.self)
        var sum: Int64 = 0
        var squares: Int64 = 0
        var (least, greatest) = (Int64.max, Int64.min)
        for row in from..<to {
            let value = unsafe Int64(truncatingIfNeeded: words[row])
            sum &+= value
            squares &+= value &* value
            least = value < least ? value : least
            greatest = value > greatest ? value : greatest
        }
        // Squares of so few magnitudes up to 2^28 fit.
        guard least >= -(1 << 28) && greatest <= 1 << 28 else {
            for row in from..<to { moments.add(self[row]) }
            return
        }
        moments.sum &+= Int128(sum)
        moments.squares.add(partial: UInt64(bitPattern: squares))
        moments.count &+= Int64(to &- from)
        if least < moments.min { moments.min = least }
        if greatest > moments.max { moments.max = greatest }
    }

    /// Sum, squares, least and greatest of numbers. Requires: there are some, of less than eight bytes.
    @inline(__always)
    func folded(from: Int, length: Int) -> kernel_fold {
        var fold = kernel_fold()
        let start = unsafe base + from &* width
        switch width {
        case 0: break
        case 1: unsafe kernel_fold8(start.assumingMemoryBound(to: Int8.self), length, &fold)
        case 2: unsafe kernel_fold16(start.assumingMemoryBound(to: Int16.self), length, &fold)
        default: unsafe kernel_fold32(start.assumingMemoryBound(to: Int32.self), length, &fold)
        }
        return fold
    }

    private func addFolded(from: Int, length: Int, to moments: inout Moments) {
        let fold = folded(from: from, length: length)
        // 128 squares of magnitudes up to 2^28 fit.
        guard fold.min >= -(1 << 28) && fold.max <= 1 << 28 else {
            for row in from..<(from &+ length) { moments.add(self[row]) }
            return
        }
        moments.sum &+= Int128(fold.sum)
        moments.squares.add(partial: fold.squares)
        moments.count &+= Int64(length)
        if fold.min < moments.min { moments.min = fold.min }
        if fold.max > moments.max { moments.max = fold.max }
    }

    /// The sum of flags `[from, to)`. Requires: at most one byte wide.
    func sum(from: Int, to: Int) -> Int {
        guard width > 0, from < to else { return 0 }
        return unsafe Int(kernel_sum8((base + from).assumingMemoryBound(to: UInt8.self), to &- from))
    }
}

extension ChunkColumn {
    /// Adds the values of the events `[from, to)`.
    @inline(__always)
    public func addMoments(from: Int, to: Int, to moments: inout Moments) {
        if nulls.width == 0 {
            if reference == 0 { return lane.addMoments(from: from, to: to, to: &moments) }
            return addShifted(from: from, to: to, to: &moments)
        }
        for row in from..<to where nulls[row] == 0 { moments.add(reference &+ lane[row]) }
    }

    /// The moments of what is counted from a reference follow from those of the distances, which are not unpacked for it:
    /// the sum of (r + d)² is n r² + 2 r Σd + Σd².
    @inline(never)
    private func addShifted(from: Int, to: Int, to moments: inout Moments) {
        let length = to &- from
        guard length > 0 else { return }
        let fold = lane.folded(from: from, length: length)
        // 128 squares of magnitudes up to 2^58, and what comes to them, fit in 128 bits.
        guard fold.min >= -(1 << 28) && fold.max <= 1 << 28 && reference.magnitude <= 1 << 58 else {
            for row in from..<to { moments.add(reference &+ lane[row]) }
            return
        }
        let (count, base, sum) = (Int128(length), Int128(reference), Int128(fold.sum))
        let shifted = base &* base &* count &+ 2 &* base &* sum
        moments.sum &+= base &* count &+ sum
        moments.squares.add(partial: UInt128(truncatingIfNeeded: shifted &+ Int128(fold.squares)))
        moments.count &+= Int64(length)
        moments.min = min(moments.min, reference &+ fold.min)
        moments.max = max(moments.max, reference &+ fold.max)
    }
}
