import Records
import Testing

@Suite struct JSONDecoderTests {
    /// One value under `x` of a type: the row's value or the reason.
    @Test(arguments: [
        (FieldType.int64, "1", "1"), (.int64, "-0", "0"), (.int64, "1.0", "1"), (.int64, "1e3", "1000"),
        (.int64, "1500E-2", "15"),
        (.int64, "9223372036854775807", "9223372036854775807"), (.int64, "-9223372036854775808", "-9223372036854775808"),
        (.int64, "9223372036854775808", "out_of_range"), (.int64, "-9223372036854775809", "out_of_range"),
        (.int64, "18446744073709551617", "out_of_range"), (.int64, "1e999999999", "out_of_range"), (.int64, "0e999999999", "0"),
        (.int64, "0.5", "wrong_type"), (.int64, "1e-999999999", "wrong_type"), (.int64, "9223372036854775808.5", "wrong_type"),
        (.int64, "100000000000000000000e-20", "1"), (.int64, "1.00000000000000000000000", "1"),
        (.int64, "\"1\"", "wrong_type"), (.int64, "true", "wrong_type"), (.int64, "[1]", "wrong_type"),
        (.int64, "{}", "wrong_type"),
        (.int64, "01", "malformed"), (.int64, "1.", "malformed"), (.int64, "+1", "malformed"), (.int64, "-", "malformed"),
        (.int64, ".5", "malformed"), (.int64, "1e", "malformed"), (.int64, "1e+", "malformed"), (.int64, "--1", "malformed"),
        (.int64, "0x1", "malformed"), (.int64, "1 2", "malformed"), (.int64, "1\u{0}", "malformed"), (.int64, "1a", "malformed"),
        (.int64, "NaN", "malformed"), (.int64, "tru", "malformed"), (.int64, "truee", "malformed"), (.int64, "", "malformed"),
        (.double, "0.1", "0.1"), (.double, "-0.0", "-0.0"), (.double, "1e308", "1e+308"), (.double, "1e309", "out_of_range"),
        (.double, "-1e999999999", "out_of_range"), (.double, "1e-999999999", "0.0"), (.double, "4e-324", "5e-324"),
        (.double, "2e-324", "0.0"), (.double, "0e999999999", "0.0"), (.double, "9007199254740993", "9007199254740992.0"),
        (.double, "1.7976931348623157e308", "1.7976931348623157e+308"), (.double, "1.7976931348623159e308", "out_of_range"),
        (.double, "\"1\"", "wrong_type"),
        (.bool, "true", "true"), (.bool, "false", "false"), (.bool, "1", "wrong_type"), (.bool, "\"true\"", "wrong_type"),
        (.string, "\"a\"", "a"), (.string, "\"\"", ""), (.string, "1", "wrong_type"), (.string, "false", "wrong_type"),
        (.string, #""\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00""#, "\"\\/\u{8}\u{C}\n\r\té😀"), (.string, "\"äß€😀\"", "äß€😀"),
        (.string, #""\u0000""#, "\u{0}"), (.string, #""\ud800""#, "malformed"), (.string, #""\udc00""#, "malformed"),
        (.string, #""\ud800\u0041""#, "malformed"), (.string, #""\ud800x""#, "malformed"), (.string, #""\x41""#, "malformed"),
        (.string, #""\u12""#, "malformed"), (.string, #""\u12g4""#, "malformed"), (.string, "\"a\nb\"", "malformed"),
        (.string, "\"a\u{0}b\"", "malformed"), (.string, "\"a", "malformed"), (.string, #""a\""#, "malformed"),
        (.string, "\"a\"b", "malformed"), (.string, "a\"b\"", "malformed"), (.string, "\"a\"\"b\"", "malformed"),
        (.string, "'a'", "malformed"), (.string, "\"a\" \u{B}", "malformed"), (.string, "\"a\"\u{C}", "malformed"),
        (.decimal(scale: 2), "57.16", "5716"), (.decimal(scale: 2), "146.00", "14600"), (.decimal(scale: 2), "1.005", "101"),
        (.decimal(scale: 2), "-1.005", "-101"), (.decimal(scale: 2), "1.00499999999999999999999999", "100"),
        (.decimal(scale: 2), "1.5e2", "15000"), (.decimal(scale: 2), "\"12.50\"", "1250"),
        (.decimal(scale: 2), "\"-1e1\"", "-1000"),
        (.decimal(scale: 2), #""\u0031.5""#, "150"), (.decimal(scale: 2), "\" 1\"", "wrong_type"),
        (.decimal(scale: 2), "\"+1\"", "wrong_type"), (.decimal(scale: 2), "\"\"", "wrong_type"),
        (.decimal(scale: 2), "\"1x\"", "wrong_type"),
        (.decimal(scale: 2), "\"01\"", "wrong_type"), (.decimal(scale: 2), "\"1.5\\u0000\"", "wrong_type"),
        (.decimal(scale: 2), "1e999999999", "out_of_range"), (.decimal(scale: 2), "1e-999999999", "0"),
        (.decimal(scale: 2), "0e999999999", "0"), (.decimal(scale: 2), "\"1e99999999999999999999999\"", "out_of_range"),
        (.decimal(scale: 2), "92233720368547758.07", "9223372036854775807"),
        (.decimal(scale: 2), "92233720368547758.08", "out_of_range"),
        (.decimal(scale: 2), "92233720368547758.074999999999", "9223372036854775807"),
        (.decimal(scale: 2), "-92233720368547758.085", "out_of_range"),
        (.decimal(scale: 2), "-92233720368547758.08", "-9223372036854775808"),
        (.decimal(scale: 2), "0.005", "1"), (.decimal(scale: 2), "0.0049", "0"), (.decimal(scale: 2), "true", "wrong_type"),
        (.decimal(scale: 18), "9.2233720368547758075", "out_of_range"), (.decimal(scale: 18), "0.0000000000000000015", "2"),
        (.decimal(scale: 0), "0.000000000000000000000000000001e30", "1"),
        (.decimal(scale: 0), "99999999999999999999", "out_of_range"),
        (.timestamp, "1522540831000", "1522540831000000"), (.timestamp, "1.0005", "1001"), (.timestamp, "-0.0005", "-1"),
        (.timestamp, "1.5e12", "1500000000000000"), (.timestamp, "9223372036854775.807", "9223372036854775807"),
        (.timestamp, "9223372036854775.808", "out_of_range"), (.timestamp, "\"1\"", "wrong_type"),
        (.timestamp, "null", "missing_field"),
    ])
    func value(type: FieldType, text: String, expected: String) {
        let fields = [field("t", .timestamp), field("x", type)]
        var decoding = Decoding(fields, eventTime: 0)
        let bytes = Array("{\"t\":1,\"x\":\(text)}".utf8)
        let oracle = SlowRow.read(bytes, fields, eventTime: 0)
        let got = decoding.decode(bytes)
        let inPlace = decoding.decode(bytes, behind: Array("0}\"".utf8) + Array(repeating: 0x7D, count: 80))
        let wanted: SlowRow = RejectionReason(rawValue: expected).map { .rejected($0) } ?? .row(["1000", expected])
        #expect(got == wanted)
        #expect(inPlace == wanted)
        #expect(oracle == wanted)
    }

    @Test(arguments: [
        ("", "malformed"), (" ", "malformed"), ("{", "malformed"), ("}", "malformed"), ("{}", "missing_field"),
        ("[]", "malformed"),
        ("1", "malformed"), ("\"a\"", "malformed"), ("null", "malformed"), (#"{"t":1}{"#, "malformed"),
        (#"{"t":1}}"#, "malformed"),
        (#"{"t":1} {"t":1}"#, "malformed"), (#"{"t":1},"#, "malformed"), (#"{"t":1,}"#, "malformed"), (#"{,"t":1}"#, "malformed"),
        (#"{"t" 1}"#, "malformed"), (#"{"t":}"#, "malformed"), (#"{"t"}"#, "malformed"), (#"{t:1}"#, "malformed"),
        (#"{1:1}"#, "malformed"),
        (#"{"t":1"#, "malformed"), (#"{"t":1]"#, "malformed"), (#"{"t":1,"u":[1,]}"#, "malformed"),
        (#"{"t":1,"u":[,1]}"#, "malformed"),
        (#"{"t":1,"u":[1 2]}"#, "malformed"), (#"{"t":1,"u":[1}}"#, "malformed"), (#"{"t":1,"u":{"v":[{}]}"#, "malformed"),
        (#"{"t":1,"u":tru}"#, "malformed"), (#"{"t":1,"u":nul}"#, "malformed"), (#"{"t":1,"u":{"a":01}}"#, "malformed"),
        (#"{"t":1,"u":"\x"}"#, "malformed"), (#"{"t":1,"u\x":1}"#, "malformed"), (#"{"t":1,"u":"\ud800"}"#, "malformed"),
        ("{\"t\":1}\u{0}", "malformed"), ("\u{0}{\"t\":1}", "malformed"), ("{\"t\":1}\u{C}", "malformed"),
        ("\u{FEFF}{\"t\":1}", "malformed"),
        ("{\"t\":\u{1A}1}", "malformed"), ("{\"t\":1\u{A0}}", "malformed"),
        (#"{"t":1}"#, "1000"), (" \t\r\n{ \"t\" : 1 } \n", "1000"),
        (#"{"u":[{"a":[]},1.5e3,"x",null,true,false,{}],"t":1}"#, "1000"),
        (#"{"\u0074":2}"#, "2000"), (#"{"t":2,"t":3}"#, "3000"), (#"{"t":"x","t":3}"#, "3000"),
        (#"{"t":3,"t":"x"}"#, "wrong_type"),
        (#"{"t":3,"\u0074":null}"#, "missing_field"), (#"{"T":1}"#, "missing_field"), (#"{"":1,"t":1}"#, "1000"),
        (#"{"tt":1,"t":4}"#, "4000"), (#"{"t\u0000":1,"t":4}"#, "4000"),
    ])
    func record(text: String, expected: String) {
        let fields = [field("t", .timestamp)]
        var decoding = Decoding(fields, eventTime: 0)
        let wanted: SlowRow = RejectionReason(rawValue: expected).map { .rejected($0) } ?? .row([expected])
        let oracle = SlowRow.read(Array(text.utf8), fields, eventTime: 0)
        #expect(oracle == wanted)
        for behind in ["", "}", "]", ",", "\"", "1", ":"] {
            let got = decoding.decode(Array(text.utf8), behind: Array(String(repeating: behind, count: 64).utf8))
            #expect(got == wanted, "behind: \(behind)")
        }
    }

    @Test func invalidUTF8() {
        var decoding = Decoding([field("t", .timestamp)], eventTime: 0)
        for bytes: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0x80]] {
            let got = decoding.decode(Array(#"{"t":1,"u":""#.utf8) + bytes + Array("\"}".utf8))
            #expect(got == .rejected(.malformed))
        }
    }

    @Test func nothingAtAll() {
        var decoder = JSONDecoder(fields: [field("t", .timestamp)], eventTime: 0)
        let batch = RecordBatch(types: [.timestamp], capacity: 1)
        let null = unsafe decoder.decode(RawRecord(value: nil, readableBytes: 0), into: batch)
        #expect(null?.reason == .malformed)
        #expect(null?.error == "the message is null")
        let empty = unsafe decoder.decode(
            RawRecord(value: UnsafeRawBufferPointer(start: nil, count: 0), readableBytes: 0), into: batch)
        #expect(empty?.reason == .malformed)
    }

    /// Containers at depth 64 pass, at 65 they do not, and a million of them cost no stack.
    @Test func depth() {
        var decoding = Decoding([field("t", .timestamp), field("a.a.a", .int64, optional: true)], eventTime: 0)
        func arrays(_ n: Int) -> String { String(repeating: "[", count: n) + String(repeating: "]", count: n) }
        func objects(_ n: Int) -> String { String(repeating: "{\"a\":", count: n) + "null" + String(repeating: "}", count: n) }
        for nest in [arrays, objects] {
            let deepest = decoding.decode("{\"t\":1,\"u\":\(nest(63))}")
            #expect(deepest == .row(["1000", "null"]))
            for tooDeep in [64, 65, 1_000_000] {
                let got = decoding.decode("{\"t\":1,\"u\":\(nest(tooDeep))}")
                #expect(got == .rejected(.malformed))
            }
        }
        let open = decoding.decode(String(repeating: "{\"a\":", count: 1_000_000))
        #expect(open == .rejected(.malformed))
    }

    @Test func largeRecords() {
        var decoding = Decoding([field("t", .timestamp), field("s", .string)], eventTime: 0)
        let text = String(repeating: "abcdefg\u{e9}", count: 700_000)
        let large = decoding.decode("{\"u\":[\(String(repeating: "1,", count: 1_000_000))1],\"s\":\"\(text)\",\"t\":1}")
        #expect(large == .row(["1000", text]))
        let small = decoding.decode(#"{"t":1,"s":"x"}"#)
        #expect(small == .row(["1000", "x"]))
        let tooLarge = decoding.decode(Array(repeating: UInt8(ascii: " "), count: JSONDecoder.recordBytesMax + 1))
        #expect(tooLarge == .rejected(.outOfRange))
        #expect(decoding.error == "the record has 67108865 bytes, the most is 67108864")
    }

    @Test(arguments: [
        (#"{"t":1,"card":{"id":7,"country":"de"}}"#, "1000 7 de"),
        (#"{"card":{"country":"de","x":1,"id":7},"t":1}"#, "1000 7 de"),
        (#"{"t":1,"card":{"id":7}}"#, "1000 7 null"), (#"{"t":1,"card":{"id":7,"country":null}}"#, "1000 7 null"),
        (#"{"t":1,"card":{"id":7},"card":{"country":"de"}}"#, "missing_field"),
        (#"{"t":1,"card":3,"card":{"id":7}}"#, "1000 7 null"),
        (#"{"t":1,"card":{"id":7},"card":3}"#, "wrong_type"), (#"{"t":1,"card":{"id":7},"card":null}"#, "missing_field"),
        (#"{"t":1,"card":null}"#, "missing_field"), (#"{"t":1}"#, "missing_field"), (#"{"t":1,"card":[]}"#, "wrong_type"),
        (#"{"t":1,"card":"x"}"#, "wrong_type"), (#"{"t":1,"card.id":7}"#, "missing_field"),
        (#"{"t":1,"card":{"id":{"id":7}}}"#, "wrong_type"), (#"{"t":1,"c\u0061rd":{"\u0069d":7}}"#, "1000 7 null"),
        (#"{"t":1,"card":{"id":7,"country":tru}}"#, "malformed"),
    ])
    func nested(text: String, expected: String) {
        let fields = [field("t", .timestamp), field("card.id", .int64), field("card.country", .string, optional: true)]
        var decoding = Decoding(fields, eventTime: 0)
        let wanted: SlowRow =
            RejectionReason(rawValue: expected).map { .rejected($0) }
            ?? .row(expected.split(separator: " ").map(String.init))
        let got = decoding.decode(text)
        #expect(got == wanted)
        let oracle = SlowRow.read(Array(text.utf8), fields, eventTime: 0)
        #expect(oracle == wanted)
    }

    @Test(arguments: [
        (#"{"t":1,"amount":1}"#, "field card.id: required, but absent"),
        (#"{"t":1,"amount":null,"card":{"id":1}}"#, "field amount: required, but null"),
        (#"{"t":1,"amount": "abc" ,"card":{"id":1}}"#, "field amount: expected decimal(2), found \"abc\""),
        (#"{"t":"x","amount":1,"card":{"id":1}}"#, "field t: expected a timestamp as a number of ms, found \"x\""),
        (#"{"t":1,"amount":1,"card":[1, 2]}"#, "field card.id: expected card to be an object, found [1, 2]"),
        (#"{"t":1,"amount":1e99,"card":{"id":1}}"#, "field amount: 1e99 is out of the range of decimal(2)"),
        (
            "{\"t\":1,\"amount\":\"\(String(repeating: "é", count: 50))\",\"card\":{\"id\":1}}",
            "field amount: expected decimal(2), found \"\(String(repeating: "?", count: 39))..."
        ),
        (#"{"t":1,"amount":01}"#, "at byte 16: Problem while parsing a number"),
        (#"{"t":1,"amount":"1}"#, "A string is opened, but never closed."),
    ])
    func sentence(text: String, expected: String) {
        var decoding = Decoding(
            [field("t", .timestamp), field("amount", .decimal(scale: 2)), field("card.id", .int64)], eventTime: 0)
        _ = decoding.decode(text)
        #expect(decoding.error == expected)
    }

    /// Fields that are not stored are checked all the same, and the event time reaches its lane in any case.
    @Test func notStored() {
        let fields = [field("t", .timestamp, optional: true, unit: .rfc3339, stored: false), field("s", .string, stored: false)]
        var decoding = Decoding(fields, eventTime: 0)
        let row = decoding.decode(#"{"t":"1970-01-01T00:00:01Z","s":"a\n"}"#)
        #expect(row == .row(["not stored", "not stored"]))
        #expect(decoding.batch.times[0] == 1_000_000)
        #expect(decoding.batch.text.count == 0)
        let wrong = decoding.decode(#"{"t":"1970-01-01T00:00:01Z","s":1}"#)
        #expect(wrong == .rejected(.wrongType))
        let timeless = decoding.decode(#"{"t":null,"s":"a"}"#)
        #expect(timeless == .rejected(.missingField))
    }

    /// Two batches take turns: rows go where the call says.
    @Test func batches() {
        let fields = [field("t", .timestamp)]
        var decoder = JSONDecoder(fields: fields, eventTime: 0)
        for turn in 1...6 {
            let batch = RecordBatch(types: [.timestamp], capacity: 2)
            let rejection = unsafe Array("{\"t\":\(turn)}".utf8).withUnsafeBytes {
                unsafe decoder.decode(RawRecord(value: $0, readableBytes: 0), into: batch)
            }
            #expect(rejection == nil)
            #expect(batch.times[0] == Int64(turn) * 1000)
        }
    }
}
