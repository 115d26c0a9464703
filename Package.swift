// swift-tools-version: 6.2
import PackageDescription

// The layers, bottom up; an arrow may only point down. `Tests/SourceTreeTests` holds the source tree to it.
//
//  8  freshet
//  7  Worker
//  6  Store  History
//  5  Engine
//  4  Pipelines
//  3  Windows
//  2  Aggregates
//  1  RocksDB  Kafka  Parquet  Records
//  0  CRocksDB CRdKafka CSimdJSON CZstd CSnappy CZlib CLZ4 CKernels

let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableExperimentalFeature("Lifetimes"),
    .unsafeFlags(["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

func layer(_ name: String, _ dependencies: Target.Dependency...) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: Target.Dependency..., exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude, swiftSettings: strict)
}

let package = Package(
    name: "freshet",
    products: [.executable(name: "freshet", targets: ["freshet"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .target(name: "CRocksDB", linkerSettings: [.linkedLibrary("rocksdb")]),
        .target(name: "CRdKafka", linkerSettings: [.linkedLibrary("rdkafka")]),
        .target(
            name: "CSimdJSON", cxxSettings: [.unsafeFlags(["-O3"], .when(configuration: .debug))],
            linkerSettings: [.linkedLibrary("simdjson")]),
        .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3", "-fno-math-errno", "-ffp-contract=off"])]),
        .target(name: "CZstd", linkerSettings: [.linkedLibrary("zstd")]),
        .target(name: "CSnappy", linkerSettings: [.linkedLibrary("snappy")]),
        .target(name: "CZlib", linkerSettings: [.linkedLibrary("z")]),
        .target(name: "CLZ4", linkerSettings: [.linkedLibrary("lz4")]),

        layer("RocksDB", "CRocksDB"),
        layer("Kafka", "CRdKafka"),
        layer("Parquet", "CZstd", "CSnappy", "CZlib", "CLZ4"),
        layer("Records", "CSimdJSON"),

        layer("Aggregates", "Records", "CKernels"),
        layer("Windows", "Aggregates", "Records", "CKernels"),
        layer("Pipelines", "Aggregates", "Records", .product(name: "Yams", package: "Yams")),
        layer("Engine", "Pipelines", "Windows", "Aggregates", "Records"),

        layer("Store", "Engine", "Windows", "Aggregates", "Records", "RocksDB"),
        layer("History", "Engine", "Pipelines", "Records", "Parquet", "CZstd", "CKernels"),
        layer(
            "Worker", "Store", "History", "Engine", "Pipelines", "Windows", "Records", "Kafka", "Parquet", "CZstd",
            .product(name: "HeapModule", package: "swift-collections"),
            .product(name: "DequeModule", package: "swift-collections"), .product(name: "Logging", package: "swift-log")),
        .executableTarget(
            name: "freshet",
            dependencies: [
                "Worker", "Store", "History", "Engine", "Pipelines", "Windows", "Aggregates", "Records", "Kafka", "Parquet",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),

        .target(name: "CMeasure", path: "benchmarks/CMeasure"),
        .executableTarget(
            name: "FreshetBenchmarks",
            dependencies: [
                "Store", "History", "Engine", "Pipelines", "Windows", "Records", "CMeasure",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "benchmarks/Sources", swiftSettings: strict),

        .target(
            name: "CWorld", path: "Tests/Simulation/World",
            cSettings: [.unsafeFlags(["-O2", "-Wall", "-Wextra"])]),
        .executableTarget(
            name: "FreshetSimulation",
            dependencies: [
                "Worker", "Store", "Engine", "Pipelines", "Windows", "Records", "Parquet", "RocksDB", "TestSupport", "CWorld",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Simulation/Sources", swiftSettings: strict),

        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
        tests("RocksDBTests", "RocksDB"),
        tests("ParquetTests", "Parquet", exclude: ["Golden", "Python"]),
        tests("KafkaTests", "Kafka"),
        tests("PipelinesTests", "Pipelines", "Aggregates", "Records"),
        tests("WindowsTests", "Windows", "Aggregates", "Records"),
        tests("EngineTests", "Engine", "Store", "Pipelines", "Windows", "Aggregates", "Records", exclude: ["Golden"]),
        tests(
            "StoreTests", "Store", "Engine", "Pipelines", "Windows", "Aggregates", "Records", "RocksDB", exclude: ["Golden"]),
        tests("HistoryTests", "History", "Engine", "Pipelines", "Records", exclude: ["Golden"]),
        tests(
            "WorkerTests", "Worker", "Store", "Engine", "Pipelines", "Windows", "Records", "Kafka", "RocksDB",
            .product(name: "Logging", package: "swift-log"), exclude: ["Golden", "Emission/Golden"]),
        tests("AggregatesTests", "Aggregates", "Records", exclude: ["Golden"]),
        tests("RecordsTests", "Records"),
        tests("FreshetTests", "freshet", "Engine", "Pipelines", "Records"),
        tests("SourceTreeTests"),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
