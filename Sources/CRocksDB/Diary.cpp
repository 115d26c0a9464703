#include "CRocksDB.h"

#include <fcntl.h>
#include <rocksdb/env.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>

namespace {

// RocksDB's own log file goes through the writer that its data goes through, which aborts the process when it is used after an error,
// as it is on a full disk. This one writes what it can: nothing depends on it.
class Diary final : public rocksdb::Logger {
public:
    Diary(const std::string &directory, size_t bytes_max)
        : Logger(rocksdb::InfoLogLevel::WARN_LEVEL), path(directory + "/LOG"), bytes_max(bytes_max) {}

    ~Diary() override {
        if (file >= 0) close(file);
    }

    using Logger::Logv;
    void Logv(const char *format, va_list arguments) override {
        char line[2048];
        time_t now = time(nullptr);
        struct tm parts;
        gmtime_r(&now, &parts);
        size_t length = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%SZ ", &parts);
        int more = vsnprintf(line + length, sizeof line - length - 1, format, arguments);
        if (more < 0) return;
        length = std::min(length + static_cast<size_t>(more), sizeof line - 2);
        line[length++] = '\n';
        append(line, length);
    }

private:
    void append(const char *line, size_t length) {
        std::lock_guard<std::mutex> guard(mutex);
        // The first line makes the file: most runs have none.
        if (file < 0) file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (file < 0) return;
        off_t size = lseek(file, 0, SEEK_END);
        if (size < 0 || (static_cast<size_t>(size) + length > bytes_max && ftruncate(file, 0) != 0)) return;
        if (write(file, line, length) < 0) return;
    }

    const std::string path;
    const size_t bytes_max;
    int file = -1;
    std::mutex mutex;
};

// As RocksDB's C API defines it.
struct logger_handle {
    std::shared_ptr<rocksdb::Logger> logger;
};

} // namespace

extern "C" void freshet_keep_diary(rocksdb_options_t *options, const char *directory, size_t bytes_max) {
    logger_handle handle{std::make_shared<Diary>(directory, bytes_max)};
    rocksdb_options_set_info_log(options, reinterpret_cast<rocksdb_logger_t *>(&handle));
}
