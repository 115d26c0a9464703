import Glibc
import Pipelines
import Testing

@testable import Store
@testable import Worker

struct CommitFailureTests {
    /// A failure before the committer has taken the commit up must wake who waits for the commit already.
    @Test func whoWaitsForACommitHearsOfAFailure() throws {
        let committer = Committer()
        let failure = Failure {
            committer.inbox.close()
            committer.wake()
        }
        let context = ShardContext(
            plan: Plan(pipeline: "test", version: 1, sources: [], views: []), programs: [],
            options: WorkerOptions(input: .files([:]), isBounded: true), run: "test", failure: failure,
            parts: Channel(capacity: 1),
            store: nil, hasStateAtStart: false, viewNumbers: [])
        let commit = Commit(
            Checkpoint(plan: [], sliceCount: 1, sourceCount: 0), positions: [], contributions: 1, isLast: false,
            raisesHorizon: false, idleShare: nil)
        committer.inbox.send(commit)
        let hasHeard = Flag()
        WorkThread.detach {
            do { try commit.waitUntilDurable(failure) } catch { hasHeard.set() }
        }
        usleep(100_000)
        failure.report(WorkerError("test"))
        committer.start(context, threads: []) { _ in }
        for _ in 0..<500 where !hasHeard.value { usleep(10_000) }
        #expect(hasHeard.value)
        committer.stop()
    }
}
