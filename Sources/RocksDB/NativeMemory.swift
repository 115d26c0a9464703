internal import CRocksDB

/// The allocator that RocksDB shares with the rest of the process.
public enum NativeMemory {
    /// Large blocks go back to the system when they are freed. Call before other threads start.
    public static func returnEagerly() { freshet_return_memory() }
}
