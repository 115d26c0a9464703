internal import CWorld
internal import Foundation
internal import TestSupport

/// What the machine's disk has of a folder, beside what its processes see: the bytes and names that were synced, and the changes
/// that were not.
///
/// # Contract
/// - A file's bytes are on disk once it was synced. Of later changes a crash keeps all, none, the first few, the last of them torn,
///   or some in one sector and some in another, with zeros where nothing came.
/// - A name is on disk once its folder was synced, whatever was done to the file; of later changes a crash keeps some of the first,
///   or any, but for what was added to a folder before something in it got another name that is kept: file systems keep to that order,
///   and RocksDB counts on it where it names its manifest. Renaming is whole. Folders are names in their parents.
/// - What a failed sync was to bring may stay out for good.
final class Disk {
    private let root: String

    /// What a disk writes at once.
    private static let sectorBytes = 512

    private enum Node: Equatable {
        case file(Int)
        case folder
    }

    private enum Change {
        case write(offset: Int, [UInt8])
        case truncate(length: Int)
    }

    private struct File {
        var durable: [UInt8] = []
        var changes: [Change] = []
    }

    private enum NameChange {
        case add(String, Node)
        case remove(String)
        case rename(String, to: String)
    }

    /// By a number of our own, in the order in which they turn up.
    private var files: [File] = []
    /// The system's numbers.
    private var numbers: [UInt64: Int] = [:]
    /// By paths within the root, which begin with a slash; what processes see, and what is on disk.
    private var seen: [String: Node] = [:]
    private var durable: [String: Node] = [:]
    /// By folder, in their order.
    private var changes: [String: [NameChange]] = [:]

    /// Takes the files of a folder, and the empty folders in it, as they are: all of them are on disk.
    init(root: String) throws {
        self.root = root
        for name in try FileManager.default.contentsOfDirectory(atPath: root).sorted() {
            var isFolder: ObjCBool = false
            if unsafe FileManager.default.fileExists(atPath: "\(root)/\(name)", isDirectory: &isFolder), isFolder.boolValue {
                durable["/\(name)"] = .folder
                continue
            }
            let bytes = FileManager.default.contents(atPath: "\(root)/\(name)") ?? Data()
            durable["/\(name)"] = .file(files.count)
            numbers[try Disk.number("\(root)/\(name)")] = files.count
            files.append(File(durable: Array(bytes)))
        }
        seen = durable
    }

    /// The system's number of a file.
    private static func number(_ path: String) throws -> UInt64 {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { throw CocoaError(.fileReadUnknown) }
        return UInt64(status.st_ino)
    }

    private static func parent(_ path: String) -> String { String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) }

    // MARK: - What was done

    /// Follows a life's changes.
    func follow(_ report: UnsafeMutablePointer<world_report>) {
        let journal = unsafe UnsafeRawBufferPointer(start: world_journal(report), count: report.pointee.journal_size)
        var place = 0
        func bytes(_ count: UInt32) -> [UInt8] {
            defer { place += Int(count) }
            return unsafe Array(journal[place..<place + Int(count)])
        }
        while place < journal.count {
            let change = unsafe journal.loadUnaligned(fromByteOffset: place, as: world_change.self)
            place += MemoryLayout<world_change>.stride
            let path = String(decoding: bytes(change.path_size), as: UTF8.self)
            let other = String(decoding: bytes(change.other_size), as: UTF8.self)
            apply(change, path, other, bytes(change.data_size))
        }
    }

    private func apply(_ change: world_change, _ path: String, _ other: String, _ data: [UInt8]) {
        switch Int(change.kind) {
        case world_create:
            let number = files.count
            files.append(File())
            numbers[change.file] = number
            add(path, .file(number))
        case world_make_folder: add(path, .folder)
        case world_write:
            guard let number = numbers[change.file] else { return }
            files[number].changes.append(.write(offset: Int(change.offset), data))
        case world_truncate:
            guard let number = numbers[change.file] else { return }
            files[number].changes.append(.truncate(length: Int(change.offset)))
        case world_sync:
            guard let number = numbers[change.file] else { return }
            for change in files[number].changes { Disk.apply(change, to: &files[number].durable) }
            files[number].changes = []
        case world_sync_failed:
            guard let number = numbers[change.file] else { return }
            // The lengths are in the file system's own journal; the bytes are not.
            let lost = files[number].changes
            files[number].changes = lost.map { change in
                if case .write(let offset, let bytes) = change {
                    return .write(offset: offset, [UInt8](repeating: 0, count: bytes.count))
                }
                return change
            }
        case world_sync_folder:
            for change in changes.removeValue(forKey: path) ?? [] { Disk.apply(change, to: &durable) }
        case world_rename:
            // Files that were opened by the C library itself are not known; nobody needs them.
            guard seen[path] != nil else { return }
            precondition(Disk.parent(path) == Disk.parent(other), "a rename into another folder")
            note(.rename(path, to: other), in: Disk.parent(path))
        case world_remove, world_remove_folder:
            guard seen[path] != nil else { return }
            note(.remove(path), in: Disk.parent(path))
        default: preconditionFailure("a change of kind \(change.kind)")
        }
    }

    private func add(_ path: String, _ node: Node) { note(.add(path, node), in: Disk.parent(path)) }

    private func note(_ change: NameChange, in folder: String) {
        Disk.apply(change, to: &seen)
        changes[folder, default: []].append(change)
    }

    private static func apply(_ change: NameChange, to names: inout [String: Node]) {
        switch change {
        case .add(let path, let node): names[path] = node
        case .remove(let path): names[path] = nil
        case .rename(let path, let other):
            guard let node = names.removeValue(forKey: path) else { return }
            names[other] = node
        }
    }

    private static func apply(_ change: Change, to bytes: inout [UInt8]) {
        switch change {
        case .truncate(let length):
            if length < bytes.count { bytes.removeLast(bytes.count - length) }
            bytes += repeatElement(0, count: length - bytes.count)
        case .write(let offset, let data):
            let end = offset + data.count
            if bytes.count < end { bytes += repeatElement(0, count: end - bytes.count) }
            bytes.replaceSubrange(offset..<end, with: data)
        }
    }

    // MARK: - A crash of the machine

    /// Which of the changes that were not synced a crash keeps.
    private enum Fate: CaseIterable { case all, none, first, torn, any }

    /// Puts the folder into a state that a crash of the machine may leave, all of it on disk then.
    func crash(_ random: inout SeededGenerator) throws {
        for folder in changes.keys.sorted() { settle(changes[folder]!, &random) }
        changes = [:]
        // What lies in a folder that is not there is not there.
        for path in durable.keys.sorted(by: { $0.utf8.count < $1.utf8.count }) where path.dropFirst().contains("/") {
            if durable[Disk.parent(path)] != .folder { durable[path] = nil }
        }
        for number in files.indices { settle(&files[number], &random) }
        seen = durable
        try rewrite()
    }

    private func settle(_ pending: [NameChange], _ random: inout SeededGenerator) {
        switch Fate.allCases.randomElement(using: &random)! {
        case .all: for change in pending { Disk.apply(change, to: &durable) }
        case .none: break
        case .first, .torn:
            for change in pending.prefix(Int.random(in: 0...pending.count, using: &random)) { Disk.apply(change, to: &durable) }
        case .any:
            var isKept = pending.map { _ in random.isOneIn(2) }
            let renamed = pending.indices.last { number in
                if case .rename = pending[number] { isKept[number] } else { false }
            }
            for number in pending.indices.prefix(renamed ?? 0) {
                if case .add = pending[number] { isKept[number] = true }
            }
            for (number, change) in pending.enumerated() where isKept[number] {
                // A rename that is kept has its file, however it came to its old name.
                if case .rename(let path, let other) = change, durable[path] == nil, let node = node(named: path, in: pending) {
                    durable[other] = node
                } else {
                    Disk.apply(change, to: &durable)
                }
            }
        }
    }

    private func node(named name: String, in pending: [NameChange]) -> Node? {
        for case .add(let path, let node) in pending where path == name { return node }
        return nil
    }

    private func settle(_ file: inout File, _ random: inout SeededGenerator) {
        let pending = file.changes
        file.changes = []
        guard !pending.isEmpty else { return }
        switch Fate.allCases.randomElement(using: &random)! {
        case .all: for change in pending { Disk.apply(change, to: &file.durable) }
        case .none: break
        case .first:
            for change in pending.prefix(Int.random(in: 0...pending.count, using: &random)) {
                Disk.apply(change, to: &file.durable)
            }
        case .torn:
            let kept = Int.random(in: 0..<pending.count, using: &random)
            for change in pending.prefix(kept) { Disk.apply(change, to: &file.durable) }
            if case .write(let offset, let data) = pending[kept] {
                var length = Int.random(in: 0...data.count, using: &random)
                // What is overwritten changes by whole sectors; a file may end anywhere.
                if offset < file.durable.count {
                    length = max(0, (offset + length) / Disk.sectorBytes * Disk.sectorBytes - offset)
                }
                let part = Array(data.prefix(length))
                Disk.apply(.write(offset: offset, part), to: &file.durable)
            }
        case .any: file.durable = Disk.scattered(pending, over: file.durable, &random)
        }
    }

    /// A sector is written as it stood at some moment, whatever others do, and so is the length.
    private static func scattered(_ pending: [Change], over durable: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var moments = [durable]
        // The latest are enough: few sectors change more often between two syncs.
        for (number, change) in pending.enumerated() {
            var next = moments.last!
            apply(change, to: &next)
            if pending.count - number > 32 { moments = [next] } else { moments.append(next) }
        }
        var result = [UInt8](repeating: 0, count: moments.randomElement(using: &random)!.count)
        for start in stride(from: 0, to: result.count, by: sectorBytes) {
            let moment = moments.randomElement(using: &random)!
            let end = min(start + sectorBytes, result.count, moment.count)
            if start < end { result.replaceSubrange(start..<end, with: moment[start..<end]) }
        }
        return result
    }

    /// Makes the folder anew from what is on disk.
    private func rewrite() throws {
        let manager = FileManager.default
        for name in try manager.contentsOfDirectory(atPath: root) { try manager.removeItem(atPath: "\(root)/\(name)") }
        numbers = [:]
        for path in durable.keys.sorted(by: { ($0.utf8.count, $0) < ($1.utf8.count, $1) }) {
            switch durable[path]! {
            case .folder: try manager.createDirectory(atPath: root + path, withIntermediateDirectories: false)
            case .file(let number):
                guard manager.createFile(atPath: root + path, contents: Data(files[number].durable)) else {
                    throw CocoaError(.fileWriteUnknown)
                }
                numbers[try Disk.number(root + path)] = number
            }
        }
    }

    /// Bytes that processes see and that are not on disk.
    var unsyncedChanges: Int { files.reduce(0) { $0 + $1.changes.count } + changes.values.reduce(0) { $0 + $1.count } }
}
