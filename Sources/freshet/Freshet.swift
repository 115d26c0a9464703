import ArgumentParser

@main
struct Freshet: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "freshet", abstract: "A streaming feature engine.")
}
