extension SquareSum {
    @inlinable
    public init() { self.init(low: 0, high: 0) }

    /// Adds squares that were summed up in 64 bits.
    @inlinable @inline(__always)
    public mutating func add(partial: UInt64) {
        let (sum, overflow) = low.addingReportingOverflow(UInt128(partial))
        low = sum
        if overflow { high &+= 1 }
    }
}
