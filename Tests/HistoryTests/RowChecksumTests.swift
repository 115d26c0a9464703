import Engine
import History
import Records
import TestSupport
import Testing

struct RowChecksumTests {
    /// The definition, a row at a time.
    private func hash(_ buffer: RowBuffer, _ row: Int) -> UInt64 {
        func mixed(_ hash: UInt64) -> UInt64 {
            let product = hash &* 0xD6E8_FEB8_6659_FD93
            return product ^ product >> 32
        }
        func word(_ column: Column) -> UInt64 {
            guard column.type == .string else { return UInt64(bitPattern: column.words[row]) }
            return unsafe EntityKey.hash(buffer.text.bytes(TextReference(word: column.words[row])))
        }
        var hash = mixed(UInt64(bitPattern: buffer.times[row]))
        for column in buffer.entity { hash = mixed(hash ^ word(column)) }
        for column in buffer.values {
            hash = mixed(hash ^ (column.valid[row] != 0 ? word(column) : 0x8EBC_6AF0_9C88_C6E3))
        }
        return mixed(mixed(hash ^ 0x9E37_79B9_7F4A_7C15))
    }

    private func checksum(_ buffers: RowBuffer...) -> RowChecksum {
        var checksum = RowChecksum()
        for buffer in buffers { checksum.add(buffer) }
        return checksum
    }

    @Test(arguments: [0, 1, 7, 1023, 1024, 1025, 2500])
    func isTheSumOfTheRowsHashes(count: Int) throws {
        let rows = try SnapshotRows()
        let buffer = rows.buffer(count)
        rows.fill(buffer, 0..<count)
        let sum = checksum(buffer)
        #expect(sum.rows == count)
        #expect(sum.checksum == (0..<count).reduce(0) { $0 &+ hash(buffer, $1) })
    }

    @Test func doesNotDependOnTheOrderNorOnBuffers() throws {
        let rows = try SnapshotRows()
        let (whole, first, second) = (rows.buffer(300), rows.buffer(300), rows.buffer(300))
        rows.fill(whole, 0..<300)
        rows.fill(second, 120..<300)
        rows.fill(first, 0..<120)
        #expect(checksum(whole) == checksum(second, first))
        var added = checksum(second)
        added.add(checksum(first))
        #expect(checksum(whole) == added)
        for row in 0..<300 { (whole.partitions[row], whole.offsets[row]) = (7, 9) }
        #expect(checksum(whole) == added)
    }

    @Test func showsEveryChange() throws {
        let rows = try SnapshotRows()
        let buffer = rows.buffer(100)
        rows.fill(buffer, 0..<100)
        let before = checksum(buffer)
        func expectChange(_ change: () -> Void, _ undo: () -> Void) {
            change()
            #expect(checksum(buffer) != before)
            undo()
            #expect(checksum(buffer) == before)
        }
        for row in [0, 50, 99] {
            expectChange({ buffer.times[row] += 1 }, { buffer.times[row] -= 1 })
            expectChange({ buffer.entity[1].words[row] += 1 }, { buffer.entity[1].words[row] -= 1 })
            for column in buffer.values {
                let (valid, word) = (column.valid[row], column.words[row])
                expectChange({ column.valid[row] ^= 1 }, { column.valid[row] = valid })
                guard valid != 0, column.type != .string else { continue }
                expectChange({ column.words[row] ^= 1 << 62 }, { column.words[row] = word })
            }
        }
        // The same values in another place: of another row, and of another column.
        let (numbers, instants) = (buffer.values[0], buffer.values[3])
        let place = try #require(
            (0..<99).first { row in
                [numbers, instants].allSatisfy { $0.valid[row] != 0 && $0.valid[row + 1] != 0 }
                    && numbers.words[row] != numbers.words[row + 1] && numbers.words[row] != instants.words[row]
            })
        func swapRows() { (numbers.words[place], numbers.words[place + 1]) = (numbers.words[place + 1], numbers.words[place]) }
        func swapColumns() { (numbers.words[place], instants.words[place]) = (instants.words[place], numbers.words[place]) }
        expectChange(swapRows, swapRows)
        expectChange(swapColumns, swapColumns)
    }
}
