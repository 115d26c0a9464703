import Engine
import Foundation
import Glibc
import Pipelines
import Records
import RocksDB
import Testing

@testable import Store
@testable import Worker

/// Questions to a worker that runs.
struct ReadTests {
    /// A thread that ends with an error leaves nobody waiting: not who asked what it failed at, nor who asked behind that.
    @Test func whoAsksAThreadThatEndsIsRefused() throws {
        let plan = try Plan(
            parsing: """
                pipeline: test
                version: 1
                sources:
                  events:
                    topic: events
                    format: json
                    key: card
                    event_time: {field: time, unit: us}
                    fields: {time: timestamp, card: string}
                views:
                  cards:
                    source: events
                    entity: [card]
                    features: [{name: n, aggregate: count(), windows: [1m]}]
                """, file: "test.yaml")
        let program = ViewProgram(plan.views[0], source: plan.sources[0])
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("read-tests-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let id = ShardID(view: 0, slice: 0)
        func request() throws -> ReadRequest {
            try ReadRequest(
                program, view: 0, key: ["a"], at: EventTime(microseconds: 0), sliceCount: 1, answersExpected: 1)
        }

        // What the state has of the card cannot be read.
        let asked = try request()
        var key = ByteWriter()
        unsafe asked.withKey { unsafe StateKey.append(entity: $1, hash: $0, shard: id, .head, to: &key) }
        let database = try Database(path: folder)
        var batch = WriteBatch()
        unsafe key.withBytes { key in unsafe [UInt8](repeating: 0xFF, count: 20).withUnsafeBytes { unsafe batch.put(key, $0) } }
        try database.write(batch, sync: false)
        database.close()

        let store = try StateStore(path: folder)
        defer { store.close() }
        let failure = Failure {}
        let context = ShardContext(
            plan: plan, programs: [program], options: WorkerOptions(input: .files([:]), isBounded: true), run: "test",
            failure: failure, parts: Channel(capacity: 1), store: store, hasStateAtStart: true, viewNumbers: [0])
        let thread = ShardThread(context, index: 0)
        try thread.restore(id, Checkpoint.ShardState(), store)
        let requests = [asked, try request(), try request()]
        for request in requests { thread.inbox.send(.read(request)) }
        let refused = requests.map { request in
            let isRefused = Flag()
            WorkThread.detach {
                let program = ViewProgram(plan.views[0], source: plan.sources[0])
                do { _ = try request.wait(program) } catch { isRefused.set() }
            }
            return isRefused
        }
        thread.start()
        thread.join()
        for _ in 0..<3_000 where !refused.allSatisfy(\.value) { usleep(10_000) }
        #expect(refused.map(\.value) == [true, true, true])
        #expect((failure.error as? StoreError)?.description.contains("an entity's row is corrupt") == true)
        #expect(!thread.inbox.send(.read(try request())))
    }
}
