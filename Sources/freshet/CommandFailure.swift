import Glibc
import Pipelines
import Worker

/// Why a command ends, and with which status.
struct CommandFailure: Error {
    var message: String
    var status: Int32

    static let inputIsWrong: Int32 = 1
    static let worldFailed: Int32 = 2

    static func wrong(_ message: String) -> CommandFailure { CommandFailure(message: message, status: inputIsWrong) }

    init(message: String, status: Int32) {
        self.message = message
        self.status = status
    }

    /// What any layer below threw.
    init(_ error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let errors as PipelineErrors:
            self.init(message: errors.errors.map { "\($0)" }.joined(separator: "\n"), status: CommandFailure.inputIsWrong)
        case let error as WorkerError:
            self.init(
                message: "freshet: \(error)", status: error.isInput ? CommandFailure.inputIsWrong : CommandFailure.worldFailed)
        default: self.init(message: "freshet: \(error)", status: CommandFailure.worldFailed)
        }
    }
}

func standardError(_ text: String) { write(text + "\n", to: 2) }
func standardOutput(_ text: String) { write(text + "\n", to: 1) }

private func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
        var done = 0
        while done < bytes.count {
            let result = unsafe Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
            // Whoever reads this has gone away; there is nobody left to tell.
            if result <= 0 && errno != EINTR { return }
            done += max(0, result)
        }
    }
}

func leave(_ status: Int32) -> Never { exit(status) }
