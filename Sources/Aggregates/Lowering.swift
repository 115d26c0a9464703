internal import CKernels
public import Records

/// Lowers states a column at a time, to the values of `Moments.lower`, bit for bit.
///
/// Kernels that vectorise do all that floating point decides at once; what they leave in doubt, which is one root in 2^40, and
/// numbers that are not exact as doubles, is lowered on its own.
public struct Lowering: ~Copyable {
    private let doubt: Lane<UInt8>

    public init() { doubt = .allocate(MomentsBlock.capacity) }

    deinit { doubt.deallocate() }

    /// Writes the value of the states' rows `[0, count)` into `words` and `valid` (1, or 0 for null) from row `row` on. The word
    /// of a null is 0. Gives how many sums of int64 left its range and became null.
    ///
    /// Requires: a function that `isMadeOfMoments`, states that have what it needs, and rows in `words` and `valid`.
    public func lower(
        _ states: MomentsBlock, count: Int, _ function: AggregateFunction, scale: Int?, words: Lane<Int64>, valid: Lane<UInt8>,
        row: Int
    ) -> Int {
        assert(count <= MomentsBlock.capacity)
        guard count > 0 else { return 0 }
        unsafe doubt.pointer.update(from: states.isWide.pointer, count: count)
        let powerOfTen = powerOfTen(scale ?? 0)
        let power = Double(powerOfTen)
        let doubt = unsafe doubt.pointer
        let target = unsafe UnsafeMutableRawPointer(words.pointer + row).assumingMemoryBound(to: UInt64.self)
        let present = unsafe valid.pointer + row
        let (counts, sums, squares) = unsafe (states.counts.pointer, states.sums.pointer, states.squares.pointer)
        // How many events a value takes.
        var countMin: Int64 = 1
        switch function {
        case .count:
            words.copy(from: states.counts, at: 0, to: row, count: count)
            countMin = 0
        case .sum:
            if scale == nil {
                words.copy(from: states.sums, at: 0, to: row, count: count)
            } else {
                unsafe kernel_quotients(sums, power, count, target, doubt)
            }
            countMin = 0
        case .avg:
            unsafe kernel_means(sums, counts, power, count, target, doubt)
        case .min, .max:
            let extremes = function == .min ? states.least : states.greatest
            if scale == nil {
                words.copy(from: extremes, at: 0, to: row, count: count)
            } else {
                unsafe kernel_quotients(extremes.pointer, power, count, target, doubt)
            }
        case .varPop: unsafe kernel_variances(counts, sums, squares, power, 0, count, target, doubt)
        case .varSamp:
            unsafe kernel_variances(counts, sums, squares, power, power, count, target, doubt)
            countMin = 2
        case .stddevPop: unsafe kernel_deviations(counts, sums, squares, power, 0, count, target, doubt)
        case .stddevSamp:
            unsafe kernel_deviations(counts, sums, squares, power, power, count, target, doubt)
            countMin = 2
        case .first, .last, .countDistinct:
            preconditionFailure("\(function) is not made of moments")
        }
        unsafe kernel_above(counts, countMin - 1, count, present)
        let isExtreme = function == .min || function == .max
        if unsafe kernel_sum8(doubt, count) == 0 && (!isExtreme || kernel_sum8(present, count) == count) { return 0 }
        return settle(states, count, function, scale, words, valid, row)
    }

    /// Lowers the rows in doubt, and those of no value, whose least and greatest are anything.
    @inline(never)
    private func settle(
        _ states: MomentsBlock, _ count: Int, _ function: AggregateFunction, _ scale: Int?, _ words: Lane<Int64>,
        _ valid: Lane<UInt8>, _ row: Int
    ) -> Int {
        var overflows = 0
        let isExtreme = function == .min || function == .max
        for index in 0..<count where doubt[index] != 0 || (isExtreme && valid[row + index] == 0) {
            let value = states[index].lower(function, scale: scale)
            words[row + index] = value.word
            valid[row + index] = value.isValid ? 1 : 0
            if !value.isValid && function == .sum { overflows += 1 }
        }
        return overflows
    }
}

extension AggregateFunction {
    /// Whether the value comes from `Moments`.
    public var isMadeOfMoments: Bool { needs.isDisjoint(with: [.ends, .distinct]) }
}
