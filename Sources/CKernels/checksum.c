#include "checksum.h"
#include "versions.h"

// A word that stands for null: no more likely than any other.
#define NULL_WORD 0x8EBC6AF09C88C6E3u

// Both steps can be undone, so two words never give one hash the same successor; the order of columns shows.
static inline uint64_t mixed(uint64_t hash) {
    hash *= 0xD6E8FEB86659FD93u;
    return hash ^ hash >> 32;
}

VERSIONS void kernel_hash(uint64_t *restrict hashes, const int64_t *restrict words, const uint8_t *restrict valid, size_t n) {
    if (valid) {
        for (size_t i = 0; i < n; i++) hashes[i] = mixed(hashes[i] ^ (valid[i] ? (uint64_t)words[i] : NULL_WORD));
    } else {
        for (size_t i = 0; i < n; i++) hashes[i] = mixed(hashes[i] ^ (uint64_t)words[i]);
    }
}

VERSIONS uint64_t kernel_sum_of_hashes(const uint64_t *hashes, size_t n) {
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += mixed(mixed(hashes[i] ^ 0x9E3779B97F4A7C15u));
    return sum;
}
