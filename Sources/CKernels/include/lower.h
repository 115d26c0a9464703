// Values from exact integer states, many at a time, each rounded once: to nearest, ties to even.
//
// Only IEEE 754 operations that are exact or correctly rounded are used, and no sum of products is contracted, so every
// version gives the same bits. What a kernel cannot decide it reports: `doubt[i]` becomes 1 and result i means nothing.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Bit patterns of dividends[i] / divisor. Doubt where a dividend is not exact as a double. Requires: the divisor is exact.
void kernel_quotients(const int64_t *dividends, double divisor, size_t n, uint64_t *results, uint8_t *doubt);

/// Bit patterns of sums[i] / (counts[i] * power); +0 where the count is 0. Doubt where a product or a sum is not exact as a
/// double. Requires: counts from 0 up.
void kernel_means(const int64_t *sums, const int64_t *counts, double power, size_t n, uint64_t *results, uint8_t *doubt);

/// Bit patterns of the variances (counts[i] * squares[i] - sums[i]^2) / (d * (d - less)), d = counts[i] * power; +0 where
/// the denominator is 0. `less` is 0, or the power for a sample's. Doubt where counts, sums, squares or d are not exact as doubles,
/// where the variance is less than a thousandth of the mean square and that is large, and where the value lies too close to the
/// middle between two doubles.
/// Requires: counts, sums and squares of the same values; squares below 2^63; counts from 0 up.
void kernel_variances(
    const int64_t *counts, const int64_t *sums, const int64_t *squares, double power, double less, size_t n, uint64_t *results,
    uint8_t *doubt);

/// Bit patterns of the square roots of those variances. Doubt for the same reasons.
void kernel_deviations(
    const int64_t *counts, const int64_t *sums, const int64_t *squares, double power, double less, size_t n, uint64_t *results,
    uint8_t *doubt);

/// results[i] = 1 where values[i] > bound, otherwise 0.
void kernel_above(const int64_t *values, int64_t bound, size_t n, uint8_t *results);
