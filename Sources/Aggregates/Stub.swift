@inlinable public func decimalToDouble(_ v: Int128, scale: Int) -> Double { Double(v) }
@inlinable public func mean(sum: Int128, count: Int64, scale: Int) -> Double { Double(sum) / Double(count) }
@inlinable public func variance(count: Int64, sum: Int128, squares: SquareSum, scale: Int, sample: Bool) -> Double? { nil }
@inlinable public func standardDeviation(count: Int64, sum: Int128, squares: SquareSum, scale: Int, sample: Bool) -> Double? { nil }
