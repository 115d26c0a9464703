#include "lower.h"
#include <math.h>
#include <string.h>
#include "versions.h"

#pragma STDC FP_CONTRACT OFF

// Every integer of this magnitude is a double.
#define EXACT 0x1p53

static inline uint64_t pattern(double value) {
    uint64_t bits;
    memcpy(&bits, &value, 8);
    return bits;
}

static inline double number(uint64_t bits) {
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

VERSIONS void kernel_quotients(
    const int64_t *restrict dividends, double divisor, size_t n, uint64_t *restrict results, uint8_t *restrict doubt) {
    for (size_t i = 0; i < n; i++) {
        const double dividend = (double)dividends[i];
        results[i] = pattern(dividend / divisor);
        doubt[i] |= fabs(dividend) > EXACT - 1;
    }
}

VERSIONS void kernel_means(
    const int64_t *restrict sums, const int64_t *restrict counts, double power, size_t n, uint64_t *restrict results,
    uint8_t *restrict doubt) {
    for (size_t i = 0; i < n; i++) {
        const double sum = (double)sums[i];
        const double divisor = (double)counts[i] * power;
        results[i] = pattern(sum / divisor) & (counts[i] != 0 ? ~(uint64_t)0 : 0);
        doubt[i] |= (fabs(sum) > EXACT - 1) | (divisor > EXACT - 1);
    }
}

/// The numerator of a variance; more than EXACT where it is not exact as a double.
static inline double numerator(int64_t count, int64_t sum, int64_t squares) {
    // Where the product has less than 64 bits, so has the square of the sum, by the Cauchy-Schwarz inequality.
    const int isShort = (double)count * (double)squares < 0x1p62;
    const uint64_t difference = (uint64_t)count * (uint64_t)squares - (uint64_t)sum * (uint64_t)sum;
    return isShort ? (double)(int64_t)difference : INFINITY;
}

VERSIONS void kernel_variances(
    const int64_t *restrict counts, const int64_t *restrict sums, const int64_t *restrict squares, double power, double less,
    size_t n, uint64_t *restrict results, uint8_t *restrict doubt) {
    for (size_t i = 0; i < n; i++) {
        const double dividend = numerator(counts[i], sums[i], squares[i]);
        const double root = (double)counts[i] * power;
        const double divisor = root * (root - less);
        results[i] = pattern(dividend / divisor) & (divisor > 0 ? ~(uint64_t)0 : 0);
        doubt[i] |= (dividend > EXACT - 1) | (divisor > EXACT - 1);
    }
}

VERSIONS void kernel_deviations(
    const int64_t *restrict counts, const int64_t *restrict sums, const int64_t *restrict squares, double power, double less,
    size_t n, uint64_t *restrict results, uint8_t *restrict doubt) {
    for (size_t i = 0; i < n; i++) {
        const double dividend = numerator(counts[i], sums[i], squares[i]);
        const double root = (double)counts[i] * power;
        const double exactDivisor = root * (root - less);
        const double divisor = exactDivisor > 0 ? exactDivisor : 1;
        // The quotient is off by a part in 2^53, of which the root keeps half, and the root by half a unit: together by less
        // than one unit and a part in 2^100.
        const double estimate = sqrt(dividend / divisor);
        const uint64_t bits = pattern(estimate);
        // dividend - divisor * estimate^2, but for a part in 2^102 of the dividend: the first difference is exact, as its
        // terms are close to each other.
        const double square = estimate * estimate;
        const double squareRest = fma(estimate, estimate, -square);
        const double product = divisor * square;
        const double productRest = fma(divisor, square, -product);
        const double residual = ((dividend - product) - productRest) - divisor * squareRest;
        // What the residual would be if the root were half a unit further.
        const double unit = number(bits & 0x7FF0000000000000) * 0x1p-52;
        const double half = divisor * estimate * unit;
        const double size = fabs(residual);
        const int isFurther = size > half;
        const int isNearMiddle = fabs(size - half) < half * 0x1p-40;
        // Below a power of two the unit is half as large.
        const int isAtPower = ((bits & 0xFFFFFFFFFFFFF) == 0) & (size > half * 0.25);
        const uint64_t step = residual < 0 ? ~(uint64_t)0 : 1;
        results[i] = (bits + (isFurther ? step : 0)) & (exactDivisor > 0 ? ~(uint64_t)0 : 0);
        doubt[i] |= (dividend > EXACT - 1) | (divisor > EXACT - 1) | isNearMiddle | isAtPower;
    }
}

VERSIONS void kernel_above(const int64_t *restrict values, int64_t bound, size_t n, uint8_t *restrict results) {
    for (size_t i = 0; i < n; i++) results[i] = values[i] > bound;
}
