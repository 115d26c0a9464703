import Engine
import Pipelines
import Records
import Windows

/// What the columns of a view take of a transaction, by the names of the fields that they are.
struct TransactionColumns {
    private enum Field: String {
        case amount
        case transaction = "transaction_id"
        case device = "device_id"
        case merchant, category, country
    }

    private static let categories = [
        "groceries", "fuel", "travel", "restaurants", "electronics", "clothing", "pharmacy", "books", "streaming", "gambling",
    ]
    private static let countries = ["DE", "FR", "NL", "IT", "ES", "PL", "AT", "BE"]

    private let fields: [Field]

    /// Requires: every column is a field of a transaction, without a condition.
    init(_ view: ViewPlan, source: SourcePlan) {
        fields = view.inputs.map { input in
            guard case .field(let index, _)? = input.argument, input.condition == nil,
                let field = Field(rawValue: source.fields[index].name)
            else { preconditionFailure("a column that no transaction has") }
            return field
        }
    }

    /// Appends a transaction as an event of the entity that is named `c-N`. Customers have a few merchants and devices of their
    /// own, and are at home nine times of ten.
    func append(_ transaction: Transaction, entity: Int, to batch: EventBatch) {
        let row = batch.count
        batch.append(transaction, entity: entity)
        var random = SplitMix(state: UInt64(transaction.number))
        var own = SplitMix(state: UInt64(entity) << 32 | UInt64(random.next(below: 12)))
        let merchant = own.next(below: 40_000)
        for (column, field) in fields.enumerated() {
            batch.words[column][row] =
                switch field {
                case .amount: Int64(transaction.cents)
                case .transaction: 7_200_000_000_000_000 + Int64(transaction.number) * 3
                case .device: Int64(bitPattern: SplitMix.first(UInt64(entity) << 1 | UInt64(transaction.number & 1)))
                case .merchant: batch.text.append("merchant \(merchant) of \(merchant % 97)").word
                case .category: batch.text.append(Self.categories[merchant % Self.categories.count]).word
                case .country:
                    batch.text.append(Self.countries[(random.next(below: 10) > 0 ? entity : merchant) % Self.countries.count])
                        .word
                }
        }
    }
}

extension SplitMix {
    fileprivate static func first(_ state: UInt64) -> UInt64 {
        var random = SplitMix(state: state)
        return random.next()
    }
}
