import Aggregates
import Records

extension ExpressionChecker {
    /// A function's arguments and the type of its result.
    func call(_ name: String, _ arguments: [ExpressionSyntax], at: Int) throws(ExpressionError) -> Checked {
        guard let function = ScalarFunction(rawValue: name.lowercased()) else {
            if AggregateFunction(rawValue: name.lowercased()) != nil {
                throw ExpressionError(at: at, what: "\(name)() is an aggregate", expected: "a function of one row's values")
            }
            throw ExpressionError(
                at: at, what: "unknown function '\(name)'", expected: "a function of one row's values",
                suggestion: nearestName(to: name.lowercased(), among: ScalarFunction.allCases.map(\.rawValue)))
        }
        try checkCount(function, arguments, at)
        switch function {
        case .abs:
            guard let a = try number(arguments[0]) else { return nil }
            return .call(.abs, [a], a.type)
        case .round:
            return try round(arguments)
        case .floor, .ceil:
            guard let a = try number(arguments[0]) else { return nil }
            return .call(function, [a], a.type == .double ? .double : .int64)
        case .least, .greatest, .coalesce:
            var parts: [(Checked, Int)] = []
            for argument in arguments { parts.append((try check(argument), argument.at)) }
            guard let (type, values) = try unified(parts) else { return nil }
            return .call(function, values, type)
        case .lower, .upper:
            return .call(function, [try argument(arguments[0], .string)], .string)
        case .length:
            return .call(.length, [try argument(arguments[0], .string)], .int64)
        case .concat:
            var texts: [Expression] = []
            for syntax in arguments { texts.append(try argument(syntax, .string)) }
            return .call(.concat, texts, .string)
        case .hour, .dayOfWeek:
            return .call(function, [try argument(arguments[0], .timestamp)], .int64)
        }
    }

    private func argument(_ syntax: ExpressionSyntax, _ type: FieldType) throws(ExpressionError) -> Expression {
        guard let checked = try check(syntax) else { return .null(type) }
        guard checked.type == type else { throw mismatch(checked.type, "\(type)", syntax.at) }
        return checked
    }

    private func round(_ arguments: [ExpressionSyntax]) throws(ExpressionError) -> Checked {
        var digits = 0
        if arguments.count == 2 {
            guard case .literal(.int64(let number)) = arguments[1].form, (0...18).contains(number) else {
                throw ExpressionError(
                    at: arguments[1].at, what: "the digits of round() are not fixed", expected: "a number from 0 to 18")
            }
            digits = Int(number)
        }
        guard let operand = try number(arguments[0]) else { return nil }
        let type: FieldType =
            switch operand.type {
            case .decimal: .decimal(scale: digits)
            default: operand.type
            }
        return .call(.round, [operand, .literal(.int64(Int64(digits)))], type)
    }

    private func checkCount(_ function: ScalarFunction, _ arguments: [ExpressionSyntax], _ at: Int) throws(ExpressionError) {
        let count: ClosedRange<Int> =
            switch function {
            case .abs, .floor, .ceil, .lower, .upper, .length, .hour, .dayOfWeek: 1...1
            case .round: 1...2
            case .least, .greatest, .coalesce, .concat: 1...Int.max
            }
        guard !count.contains(arguments.count) else { return }
        let expected =
            count.upperBound == 1 ? "one" : count.upperBound == 2 ? "one or two" : "at least one"
        throw ExpressionError(
            at: at, what: "\(function.rawValue)() has \(arguments.count) arguments", expected: expected)
    }
}
