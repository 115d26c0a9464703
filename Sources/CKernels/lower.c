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

/// A number as the sum of two doubles that do not overlap.
struct pair {
    double high, low;
};

static inline struct pair product(double a, double b) {
    const double high = a * b;
    return (struct pair){high, fma(a, b, -high)};
}

/// The numerator of a variance, off by less than a part in 2^93; where `doubt` is set it may be anything.
static inline struct pair numerator(int64_t count, int64_t sum, int64_t squares, int *doubt) {
    const double n = (double)count, s = (double)sum, q = (double)squares;
    const struct pair all = product(n, q), less = product(s, s);
    // Where the product has less than 63 bits, so has the square of the sum, by the Cauchy-Schwarz inequality: all is whole.
    const int isShort = all.high < 0x1p62;
    const int64_t difference = (int64_t)((uint64_t)count * (uint64_t)squares - (uint64_t)sum * (uint64_t)sum);
    const double rounded = (double)difference;
    const double rest = (double)(difference - (int64_t)rounded);
    // Otherwise both products are exact pairs, and so is the difference of their first parts. What is rounded are second parts,
    // by a part in 2^104 of the minuend: a difference that is not much smaller than it keeps what it must.
    const double high = all.high - less.high;
    const double back = high - all.high;
    const double error = (all.high - (high - back)) - (less.high + back);
    const double low = error + (all.low - less.low);
    const double total = high + low;
    *doubt = !isShort & ((total < all.high * 0x1p-10) | (fabs(s) > EXACT - 1) | (q > EXACT - 1) | (n > EXACT - 1));
    return isShort ? (struct pair){rounded, rest} : (struct pair){total, low - (total - high)};
}

/// An estimate that is off by some units in the last place, moved by so many, as long as that cannot be wrong: `steps` is off by
/// less than 2^-30.
static inline uint64_t settled(double estimate, double steps, int *doubt) {
    const uint64_t bits = pattern(estimate);
    const double few = fabs(steps) < 8 ? steps : 0;
    const double whole = (few + 0x1.8p52) - 0x1.8p52;
    const double rest = fabs(few - whole);
    // At a power of two the unit changes.
    const uint64_t fraction = bits & 0xFFFFFFFFFFFFF;
    const int isAtPower = (fraction < 16) | (fraction > 0xFFFFFFFFFFFEF);
    *doubt |= (few != steps) | (rest > 0.5 - 0x1p-28) | (isAtPower & (fabs(few) > 0.2));
    return bits + (uint64_t)(int64_t)whole;
}

static inline double unit(double value) { return number(pattern(value) & 0x7FF0000000000000) * 0x1p-52; }

VERSIONS void kernel_variances(
    const int64_t *restrict counts, const int64_t *restrict sums, const int64_t *restrict squares, double power, double less,
    size_t n, uint64_t *restrict results, uint8_t *restrict doubt) {
    for (size_t i = 0; i < n; i++) {
        int isLoose;
        const struct pair dividend = numerator(counts[i], sums[i], squares[i], &isLoose);
        const double root = (double)counts[i] * power;
        const struct pair exact = product(root, root - less);
        const double divisor = exact.high > 0 ? exact.high : 1;
        const double estimate = dividend.high / divisor;
        const struct pair back = product(divisor, estimate);
        // The first difference is exact, as its terms are close to each other.
        const double residual = ((dividend.high - back.high) - back.low) + (dividend.low - exact.low * estimate);
        const double slope = divisor * unit(estimate);
        const double steps = dividend.high > 0 ? residual / slope : 0;
        results[i] = settled(estimate, steps, &isLoose) & (exact.high > 0 ? ~(uint64_t)0 : 0);
        doubt[i] |= isLoose | (root > EXACT - 1);
    }
}

VERSIONS void kernel_deviations(
    const int64_t *restrict counts, const int64_t *restrict sums, const int64_t *restrict squares, double power, double less,
    size_t n, uint64_t *restrict results, uint8_t *restrict doubt) {
    for (size_t i = 0; i < n; i++) {
        int isLoose;
        const struct pair dividend = numerator(counts[i], sums[i], squares[i], &isLoose);
        const double root = (double)counts[i] * power;
        const struct pair exact = product(root, root - less);
        const double divisor = exact.high > 0 ? exact.high : 1;
        const double estimate = sqrt(dividend.high / divisor);
        const struct pair square = product(estimate, estimate);
        const struct pair back = product(divisor, square.high);
        const double residual = ((dividend.high - back.high) - back.low)
            + ((dividend.low - divisor * square.low) - exact.low * square.high);
        const double slope = 2 * (divisor * estimate * unit(estimate));
        const double steps = dividend.high > 0 ? residual / slope : 0;
        results[i] = settled(estimate, steps, &isLoose) & (exact.high > 0 ? ~(uint64_t)0 : 0);
        doubt[i] |= isLoose | (root > EXACT - 1);
    }
}

VERSIONS void kernel_above(const int64_t *restrict values, int64_t bound, size_t n, uint8_t *restrict results) {
    for (size_t i = 0; i < n; i++) results[i] = values[i] > bound;
}
