#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

// Numbers in JSON's grammar, kept as decimal digits so that fixed point never passes through a double.
namespace freshet {

inline bool is_digit(uint8_t c) { return uint8_t(c - '0') < 10; }

constexpr uint64_t powers_of_ten[] = {
    1ull, 10ull, 100ull, 1000ull, 10000ull, 100000ull, 1000000ull, 10000000ull, 100000000ull, 1000000000ull, 10000000000ull,
    100000000000ull, 1000000000000ull, 10000000000000ull, 100000000000000ull, 1000000000000000ull, 10000000000000000ull,
    100000000000000000ull, 1000000000000000000ull, 10000000000000000000ull,
};

struct Number {
    bool negative;
    bool short_enough;            // at most 19 significant digits: `mantissa` has them all
    uint64_t mantissa;            // |value| = mantissa * 10^exponent
    int64_t exponent;
    const uint8_t *digits;        // the integer part, the point, the fraction: up to `digits_end`
    const uint8_t *digits_end;
};

// Adds a run of digits to a mantissa, which wraps beyond 19 of them, eight at once: short numbers cost no loop whose length
// the processor would have to guess. Needs eight readable bytes behind the run.
inline const uint8_t *accumulate_digits(const uint8_t *p, uint64_t &mantissa) {
    for (;;) {
        uint64_t v;
        std::memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        v = __builtin_bswap64(v);
#endif
        v ^= 0x3030303030303030;
        // The top bit of the first byte that is no digit; what it carries into bytes behind it does not matter.
        uint64_t others = ((v + 0x7676767676767676) | v) & 0x8080808080808080;
        unsigned count = others ? unsigned(__builtin_ctzll(others)) / 8 : 8;
        if (count == 0) return p;
        v <<= 64 - 8 * count;
        v = v * 2561 >> 8;
        v = (v & 0x00FF00FF00FF00FF) * 6553601 >> 16;
        v = (v & 0x0000FFFF0000FFFF) * 42949672960001 >> 32;
        mantissa = mantissa * powers_of_ten[count] + v;
        p += count;
        if (count < 8) return p;
    }
}

inline bool at_most_19_significant(const Number &n) {
    const uint8_t *p = n.digits;
    while (p < n.digits_end && (*p == '0' || *p == '.')) ++p;
    return n.digits_end - p - (std::memchr(p, '.', size_t(n.digits_end - p)) != nullptr) <= 19;
}

// Reads a number and returns where it ends, or null if none starts here. The text ends in a byte that no number has,
// with eight readable bytes from there.
__attribute__((always_inline)) inline const uint8_t *scan_number(const uint8_t *p, Number &n) {
    n.negative = *p == '-';
    p += n.negative;
    n.digits = p;
    n.mantissa = 0;
    n.exponent = 0;
    if (*p == '0') {
        if (is_digit(*++p)) return nullptr;
    } else {
        if (!is_digit(*p)) return nullptr;
        p = accumulate_digits(p, n.mantissa);
    }
    if (*p == '.') {
        const uint8_t *fraction = ++p;
        p = accumulate_digits(p, n.mantissa);
        if (p == fraction) return nullptr;
        n.exponent = fraction - p;
    }
    n.digits_end = p;
    n.short_enough = p - n.digits <= 19 || at_most_19_significant(n);
    if ((*p | 0x20) == 'e') {
        ++p;
        bool negative = *p == '-';
        if (*p == '-' || *p == '+') ++p;
        if (!is_digit(*p)) return nullptr;
        int64_t e = 0;
        // Held far beyond what the digits of any record could make up for.
        for (; is_digit(*p); ++p)
            if (e < 1000000000000) e = e * 10 + (*p - '0');
        n.exponent += negative ? -e : e;
    }
    return p;
}

struct Scaled {
    uint64_t magnitude = 0;
    bool inexact = false;   // digits were rounded away
    bool overflow = false;
};

// |n| * 10^shift to an integer, rounded half away from zero, for any number of digits.
inline Scaled scale_long(const Number &n, int64_t shift) {
    Scaled out;
    const uint8_t *p = n.digits;
    while (p < n.digits_end && (*p == '0' || *p == '.')) ++p;
    int64_t count = n.digits_end - p - (std::memchr(p, '.', size_t(n.digits_end - p)) != nullptr);
    if (count == 0) return out;
    // The point stands before the first of our digits that is not 0 and this many to the right; `exponent` counts from the last.
    int64_t whole = count + n.exponent + shift;
    bool up = false;
    for (int64_t i = 0; p < n.digits_end; ++p) {
        if (*p == '.') continue;
        unsigned digit = *p - '0';
        if (i < whole) {
            if (whole <= 19) out.magnitude = out.magnitude * 10 + digit;
        } else {
            out.inexact |= digit != 0;
            if (i == whole) up = digit >= 5;
        }
        ++i;
    }
    if (whole > 19) {
        out.overflow = true;
    } else {
        if (whole > count) out.magnitude *= powers_of_ten[whole - count];
        out.magnitude += up;
    }
    return out;
}

__attribute__((always_inline)) inline Scaled scale(const Number &n, int64_t shift) {
    if (!n.short_enough) return scale_long(n, shift);
    Scaled out;
    int64_t k = n.exponent + shift;
    if (n.mantissa == 0) return out;
    if (k >= 0) {
        out.overflow = k > 19 || __builtin_mul_overflow(n.mantissa, powers_of_ten[k], &out.magnitude);
    } else if (k < -19) {
        out.inexact = true;  // less than 10^19 / 10^20
    } else {
        uint64_t divisor = powers_of_ten[-k], rest = n.mantissa % divisor;
        out.magnitude = n.mantissa / divisor + (rest >= divisor - rest);
        out.inexact = rest != 0;
    }
    return out;
}

inline bool to_int64(bool negative, const Scaled &s, int64_t &value) {
    if (s.overflow || s.magnitude > uint64_t(INT64_MAX) + negative) return false;
    value = int64_t(negative ? 0 - s.magnitude : s.magnitude);
    return true;
}

// The nearest double; false beyond the largest.
inline bool to_double(const Number &n, const uint8_t *start, const uint8_t *end, double &value) {
    if (n.short_enough && n.mantissa <= (1ull << 53) && n.exponent >= -22 && n.exponent <= 22) {
        // Both operands are exact, so the one operation rounds correctly (Clinger 1990).
        static constexpr double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                           1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
        double m = double(n.mantissa);
        value = n.exponent < 0 ? m / exact[-n.exponent] : m * exact[n.exponent];
        if (n.negative) value = -value;
        return true;
    }
    if (std::from_chars(reinterpret_cast<const char *>(start), reinterpret_cast<const char *>(end), value).ec == std::errc())
        return std::isfinite(value);
    // Out of range names both ends: too small is zero.
    const uint8_t *p = n.digits;
    while (p < n.digits_end && (*p == '0' || *p == '.')) ++p;
    int64_t count = n.digits_end - p - (std::memchr(p, '.', size_t(n.digits_end - p)) != nullptr);
    value = n.negative ? -0.0 : 0.0;
    return count == 0 || count + n.exponent <= 0;
}

}  // namespace freshet
