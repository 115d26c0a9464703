import Pipelines
import Testing

/// What is said about each mistake that a pipeline file can have.
struct BadFileTests {
    static let good = """
        pipeline: p
        version: 1
        sources:
          tx:
            topic: tx
            format: json
            key: card
            event_time: {field: at, unit: ms}
            fields:
              at: timestamp
              card: string
              user.id: int64?
              amount: decimal(2)
              rate: double
              big: decimal(12)
              name: string?
              ok: bool
              n_30d: string
              partition: int64
        views:
          spend:
            source: tx
            entity: [card]
            where: amount > 0
            features:
              - {name: n, aggregate: count(), windows: [1h, 7d]}
              - {name: total, aggregate: sum(amount), windows: [lifetime], delay: 1d, where: ok}

        """

    @Test func theGoodFileIsGood() throws {
        #expect(try Plan(parsing: Self.good, file: "f").views[0].values.count == 3)
    }

    @Test func everyMistakeIsReportedInFull() {
        for bad in BadFileCase.all {
            #expect(Self.errors(Self.replacing(bad.piece, bad.replacement)) == bad.errors, "\(bad.replacement)")
        }
    }

    /// The good file with the first occurrence of a piece replaced.
    static func replacing(_ piece: String, _ replacement: String) -> String {
        let (text, piece) = (Array(good.utf8), Array(piece.utf8))
        for start in 0...text.count - piece.count where Array(text[start..<start + piece.count]) == piece {
            return String(decoding: text[..<start] + Array(replacement.utf8) + text[(start + piece.count)...], as: UTF8.self)
        }
        return "no such piece"
    }

    static func errors(_ text: String) -> String {
        do throws(PipelineErrors) {
            _ = try Plan(parsing: text, file: "f")
            return "no error"
        } catch {
            return error.description
        }
    }
}
