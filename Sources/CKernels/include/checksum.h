// Hashes of rows, taken from their columns one after the other.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Carries a column's words into the hashes of their rows; no word, and no null, leaves a hash what another would make it.
/// `valid[i]` is 0 where the row is null, and its word nothing; a null pointer if no row is.
void kernel_hash(uint64_t *hashes, const int64_t *words, const uint8_t *valid, size_t n);

/// The sum of the hashes, each mixed once more.
uint64_t kernel_sum_of_hashes(const uint64_t *hashes, size_t n);
