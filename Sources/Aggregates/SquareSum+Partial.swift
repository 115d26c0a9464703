extension SquareSum {
    @inlinable
    public init() { self.init(low: 0, high: 0) }

    /// Adds squares that were summed up in 64 bits.
    @inlinable @inline(__always)
    public mutating func add(partial: UInt64) { add(partial: UInt128(partial)) }

    /// Adds squares that were summed up in 128 bits.
    @inlinable @inline(__always)
    public mutating func add(partial: UInt128) {
        let (sum, overflow) = low.addingReportingOverflow(partial)
        low = sum
        if overflow { high &+= 1 }
    }
}
