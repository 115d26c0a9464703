/// The module structure: what each module of ours may import. Arrows point down.
enum Layers {
    struct Module {
        var layer: Int
        var mayImport: Set<String>
        /// Modules that are not ours. The C library and Swift's own need no mention.
        var packages: Set<String> = []
    }

    static let modules: [String: Module] = [
        "freshet": Module(
            layer: 8,
            mayImport: [
                "Worker", "Store", "History", "Engine", "Pipelines", "Windows", "Aggregates", "Records", "Kafka", "Parquet",
            ],
            packages: ["ArgumentParser", "Logging"]),
        "Worker": Module(
            layer: 7,
            mayImport: [
                "Store", "History", "Engine", "Pipelines", "Windows", "Aggregates", "Records", "Kafka", "Parquet", "CZstd",
            ],
            packages: ["DequeModule", "HeapModule", "Logging"]),
        "Store": Module(layer: 6, mayImport: ["Engine", "Pipelines", "Windows", "Aggregates", "Records", "RocksDB"]),
        "History": Module(
            layer: 6, mayImport: ["Engine", "Pipelines", "Windows", "Aggregates", "Records", "Parquet", "CZstd", "CKernels"]),
        "Engine": Module(layer: 5, mayImport: ["Pipelines", "Windows", "Aggregates", "Records"]),
        "Pipelines": Module(layer: 4, mayImport: ["Windows", "Aggregates", "Records"], packages: ["Yams"]),
        "Windows": Module(layer: 3, mayImport: ["Aggregates", "Records", "CKernels"]),
        "Aggregates": Module(layer: 2, mayImport: ["Records", "CKernels"]),
        "RocksDB": Module(layer: 1, mayImport: ["CRocksDB"]),
        "Kafka": Module(layer: 1, mayImport: ["CRdKafka"]),
        "Parquet": Module(layer: 1, mayImport: ["CZstd", "CSnappy", "CZlib", "CLZ4"]),
        "Records": Module(layer: 1, mayImport: ["CSimdJSON"]),
        "CRocksDB": Module(layer: 0, mayImport: []),
        "CRdKafka": Module(layer: 0, mayImport: []),
        "CSimdJSON": Module(layer: 0, mayImport: []),
        "CZstd": Module(layer: 0, mayImport: []),
        "CSnappy": Module(layer: 0, mayImport: []),
        "CZlib": Module(layer: 0, mayImport: []),
        "CLZ4": Module(layer: 0, mayImport: []),
        "CKernels": Module(layer: 0, mayImport: []),
    ]

    /// The engine and what it stands on: no I/O, no clock, no randomness.
    static let pure = ["Engine", "Pipelines", "Windows", "Aggregates", "Records"]

    static let system: Set<String> = ["Glibc", "Synchronization"]
}
