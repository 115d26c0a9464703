#include "CSimdJSON.h"

#include <charconv>
#include <cmath>
#include <cstring>

// Values as JSON text.

namespace {

const char pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616"
    "26364656667686970717273747576777879808182838485868788899091929394959697989900";

uint8_t *write_two(uint8_t *out, unsigned number) {
    std::memcpy(out, pairs + 2 * number, 2);
    return out + 2;
}

uint8_t *write_unsigned(uint8_t *out, uint64_t number) {
    char *end = reinterpret_cast<char *>(out);
    return reinterpret_cast<uint8_t *>(std::to_chars(end, end + 20, number).ptr);
}

// Without the sign. `number` counts 10^-scale.
uint8_t *write_fixed(uint8_t *out, uint64_t number, int scale) {
    uint64_t power = 1;
    for (int digit = 0; digit < scale; ++digit) power *= 10;
    out = write_unsigned(out, number / power);
    if (scale == 0) return out;
    *out++ = '.';
    uint64_t fraction = number % power;
    for (int digit = scale - 1; digit >= 0; --digit) {
        out[digit] = uint8_t('0' + fraction % 10);
        fraction /= 10;
    }
    return out + scale;
}

uint8_t *write_text(uint8_t *out, const char *text) {
    size_t length = std::strlen(text);
    std::memcpy(out, text, length);
    return out + length;
}

// The civil date of a day since the epoch, after Howard Hinnant's `civil_from_days`: years begin in March.
struct Date {
    int64_t year;
    unsigned month, day;

    explicit Date(int64_t days) {
        days += 719468;
        int64_t era = (days >= 0 ? days : days - 146096) / 146097;
        unsigned of_era = unsigned(days - era * 146097);
        unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
        unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        unsigned march_month = (5 * of_year + 2) / 153;
        day = of_year - (153 * march_month + 2) / 5 + 1;
        month = march_month < 10 ? march_month + 3 : march_month - 9;
        year = int64_t(year_of_era) + era * 400 + (month <= 2 ? 1 : 0);
    }
};

}  // namespace

uint8_t *json_write_int(uint8_t *out, int64_t number) {
    if (number < 0) *out++ = '-';
    return write_unsigned(out, number < 0 ? 0 - uint64_t(number) : uint64_t(number));
}

uint8_t *json_write_decimal(uint8_t *out, int64_t number, int scale) {
    if (number < 0) *out++ = '-';
    return write_fixed(out, number < 0 ? 0 - uint64_t(number) : uint64_t(number), scale);
}

uint8_t *json_write_double(uint8_t *out, double number) {
    if (!std::isfinite(number))
        return write_text(out, std::isnan(number) ? "\"NaN\"" : number > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    if (std::signbit(number)) {
        *out++ = '-';
        number = -number;
    }
    // Sums of money are decimals of few digits. No two decimals of up to 15 digits are the same double, so the one that
    // gives this double is the shortest, once its last zeros are gone.
    if (number < 1e12) {
        double cents = std::nearbyint(number * 100);
        if (cents / 100 == number) {
            uint64_t count = uint64_t(cents);
            out = write_unsigned(out, count / 100);
            *out++ = '.';
            unsigned fraction = unsigned(count % 100);
            *out++ = uint8_t('0' + fraction / 10);
            if (fraction % 10 != 0) *out++ = uint8_t('0' + fraction % 10);
            return out;
        }
    }
    char *start = reinterpret_cast<char *>(out);
    // Above, the general form writes integers with all their digits, which are more than are needed.
    auto format = number < 1e16 ? std::chars_format::general : std::chars_format::scientific;
    char *end = std::to_chars(start, start + 24, number, format).ptr;
    // A reader that tells integers from doubles gets a double.
    if (std::memchr(start, '.', size_t(end - start)) == nullptr && std::memchr(start, 'e', size_t(end - start)) == nullptr) {
        *end++ = '.';
        *end++ = '0';
    }
    return reinterpret_cast<uint8_t *>(end);
}

uint8_t *json_write_instant(uint8_t *out, int64_t microseconds) {
    const int64_t per_day = 86400000000;
    int64_t days = microseconds / per_day, of_day = microseconds % per_day;
    if (of_day < 0) {
        of_day += per_day;
        --days;
    }
    Date date(days);
    *out++ = '"';
    if (date.year < 0 || date.year > 9999) {
        *out++ = date.year < 0 ? '-' : '+';
        uint64_t year = date.year < 0 ? 0 - uint64_t(date.year) : uint64_t(date.year);
        for (uint64_t power = 1000; power > year && power > 1; power /= 10) *out++ = '0';
        out = write_unsigned(out, year);
    } else {
        out = write_two(out, unsigned(date.year) / 100);
        out = write_two(out, unsigned(date.year) % 100);
    }
    *out++ = '-';
    out = write_two(out, date.month);
    *out++ = '-';
    out = write_two(out, date.day);
    *out++ = 'T';
    unsigned seconds = unsigned(of_day / 1000000), fraction = unsigned(of_day % 1000000);
    out = write_two(out, seconds / 3600);
    *out++ = ':';
    out = write_two(out, seconds / 60 % 60);
    *out++ = ':';
    out = write_two(out, seconds % 60);
    *out++ = '.';
    out = write_two(out, fraction / 10000);
    out = write_two(out, fraction / 100 % 100);
    out = write_two(out, fraction % 100);
    *out++ = 'Z';
    *out++ = '"';
    return out;
}

uint8_t *json_write_string(uint8_t *out, const uint8_t *text, size_t length) {
    *out++ = '"';
    for (size_t index = 0; index < length; ++index) {
        uint8_t byte = text[index];
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            *out++ = byte;
            continue;
        }
        *out++ = '\\';
        switch (byte) {
        case '"': case '\\': *out++ = byte; break;
        case '\n': *out++ = 'n'; break;
        case '\r': *out++ = 'r'; break;
        case '\t': *out++ = 't'; break;
        default:
            *out++ = 'u';
            *out++ = '0';
            *out++ = '0';
            *out++ = uint8_t("0123456789abcdef"[byte >> 4]);
            *out++ = uint8_t("0123456789abcdef"[byte & 15]);
        }
    }
    *out++ = '"';
    return out;
}
