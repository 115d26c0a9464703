// The few loops that need the processor's vectors, and the prefetch hint that Swift does not have.
//
// On x86-64 each kernel is compiled for the baseline, for AVX2 and for AVX-512; the loader takes the best that the machine
// has. Every version gives the same results, bit for bit.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "checksum.h"
#include "lower.h"

/// What a run of integers adds to the moments of a column. `squares` is right while it fits in 64 bits:
/// n * max(|min|, |max|)^2 < 2^64.
struct kernel_fold {
    int64_t sum;
    uint64_t squares;
    int64_t min;
    int64_t max;
};

/// Sum, sum of squares, least and greatest of n >= 1 values.
void kernel_fold8(const int8_t *values, size_t n, struct kernel_fold *result);
void kernel_fold16(const int16_t *values, size_t n, struct kernel_fold *result);
void kernel_fold32(const int32_t *values, size_t n, struct kernel_fold *result);

/// How many of n ascending values are at or before each of k edges.
void kernel_count32(const uint32_t *values, size_t n, const uint32_t *edges, size_t k, uint32_t *counts);

/// The sum of n bytes.
uint32_t kernel_sum8(const uint8_t *values, size_t n);

/// The sum of n integers.
int64_t kernel_sum32(const int32_t *values, size_t n);

/// Asks for the cache line at an address; nothing happens if there is no memory.
static inline void kernel_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }
