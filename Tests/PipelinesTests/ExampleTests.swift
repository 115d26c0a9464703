import Aggregates
import Pipelines
import Records
import Testing

/// DESIGN's example, from the file that ships.
struct ExampleTests {
    static let text = PipelineFiles.read("card_fraud.yaml")

    @Test func report() throws {
        print(try Plan(parsing: Self.text, file: "card_fraud.yaml").report)
        print(try Plan(parsing: Self.text, file: "card_fraud.yaml").stateFingerprint)
    }
}
