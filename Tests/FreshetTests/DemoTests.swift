import Foundation
import Testing

/// The demo as a user starts it: the program that was built beside these tests.
@Suite struct DemoTests {
    private static func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        // …/debug/freshetPackageTests.xctest, or a program inside it.
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        for argument in CommandLine.arguments where argument.hasSuffix(".xctest") {
            folder = URL(fileURLWithPath: argument).deletingLastPathComponent()
        }
        let process = Process()
        process.executableURL = folder.appendingPathComponent("freshet")
        process.arguments = arguments
        process.currentDirectoryURL = root
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    @Test func agreesWithItsRecount() throws {
        let (status, output) = try DemoTests.run(["demo", "--seconds", "3", "--rate", "3000", "--seed", "7"])
        #expect(status == 0, "\(output)")
        let last = output.split(separator: "\n").last { $0.hasSuffix(" differences") }
        let score = try #require(last, "\(output)").split(separator: " ")
        #expect(score.last == "differences" && score[2] == "0", "\(output)")
        #expect(try #require(Int(score[0])) > 10_000, "\(output)")
    }

    @Test func namesTheFlagOfAMissingPipeline() throws {
        let (status, output) = try DemoTests.run(["demo", "--pipeline", "nothing.yaml"])
        #expect(status == 1)
        #expect(output.contains("nothing.yaml") && output.contains("--pipeline"))
    }

    @Test func writesAsManyLinesAsAsked() throws {
        let (status, output) = try DemoTests.run(["demo", "--write", "-", "--events", "1234"])
        #expect(status == 0)
        #expect(output.split(separator: "\n", omittingEmptySubsequences: false).count == 1235)
    }
}
