/// Transactions as the bytes of a file and where its lines lie.
struct JSONLines {
    let shape: TrafficShape
    let bytes: [UInt8]
    let lines: [Range<Int>]

    init(_ shape: TrafficShape) {
        self.shape = shape
        var bytes: [UInt8] = []
        var lines: [Range<Int>] = []
        for transaction in Traffic(shape) {
            let start = bytes.count
            transaction.append(to: &bytes)
            lines.append(start..<bytes.count - 1)
        }
        // The decoder reads in place where bytes follow.
        bytes += [UInt8](repeating: 0, count: 64)
        self.bytes = bytes
        self.lines = lines
    }
}
