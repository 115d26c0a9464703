/// Reads that a thread does not come to any more.
extension ShardThread {
    /// Nobody is left to answer what others have asked. Requires: the thread does not run, or it is the caller.
    func refuseReads() {
        inbox.close()
        while let message = inbox.receive() {
            if case .read(let request) = message { request.refuse() }
        }
    }
}
