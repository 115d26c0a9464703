// RocksDB
