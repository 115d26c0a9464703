/// An integer that orders as the double does; -0 and +0 are one. Requires: not NaN.
@inlinable @inline(__always)
public func orderedBits(_ value: Double) -> Int64 {
    let bits = Int64(bitPattern: (value + 0.0).bitPattern)
    // Negative doubles order by falling magnitude: flip all but the sign.
    return bits ^ Int64(bitPattern: UInt64(bitPattern: bits >> 63) >> 1)
}

/// The double whose `orderedBits` these are.
@inlinable @inline(__always)
public func double(orderedBits: Int64) -> Double {
    Double(bitPattern: UInt64(bitPattern: orderedBits ^ Int64(bitPattern: UInt64(bitPattern: orderedBits >> 63) >> 1)))
}
