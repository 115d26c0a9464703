#include "CSimdJSON.h"
#include "Number.hpp"

// RFC 3339 date-times.

// Days before a date, after Howard Hinnant's `days_from_civil`: years begin in March, so the leap day is the last.
int64_t json_days_from_civil(int64_t year, int month, int day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

namespace {

using freshet::is_digit;

struct Cursor {
    const uint8_t *p, *end;

    bool take(char c) {
        if (p == end || *p != uint8_t(c)) return false;
        ++p;
        return true;
    }

    bool number(int digits, int low, int high, int &value) {
        if (end - p < digits) return false;
        value = 0;
        for (int i = 0; i < digits; ++i, ++p) {
            if (!is_digit(*p)) return false;
            value = value * 10 + (*p - '0');
        }
        return value >= low && value <= high;
    }
};

int days_of_month(int year, int month) {
    if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// `.` and at least one digit, in microseconds, rounded half up.
bool fraction(Cursor &c, int &microseconds) {
    int digits = 0;
    for (; c.p < c.end && is_digit(*c.p); ++c.p, ++digits) {
        if (digits < 6) microseconds = microseconds * 10 + (*c.p - '0');
        if (digits == 6) microseconds += *c.p >= '5';
    }
    for (int missing = digits; missing < 6; ++missing) microseconds *= 10;
    return digits > 0;
}

// `Z`, `+01`, `-01:30` or nothing, in minutes.
bool offset(Cursor &c, int &minutes) {
    minutes = 0;
    if (c.p == c.end || c.take('Z') || c.take('z')) return true;
    bool west = *c.p == '-';
    if (!west && *c.p != '+') return false;
    ++c.p;
    int hour, minute = 0;
    if (!c.number(2, 0, 23, hour)) return false;
    if (c.take(':') && !c.number(2, 0, 59, minute)) return false;
    minutes = hour * 60 + minute;
    if (west) minutes = -minutes;
    return true;
}

}  // namespace

bool json_parse_instant(const uint8_t *text, size_t length, int64_t *out) {
    Cursor c{text, text + length};
    int year, month, day, hour, minute, second, east, microseconds = 0;
    if (!c.number(4, 1, 9999, year) || !c.take('-') || !c.number(2, 1, 12, month) || !c.take('-')) return false;
    if (!c.number(2, 1, days_of_month(year, month), day)) return false;
    if (!c.take('T') && !c.take('t') && !c.take(' ')) return false;
    if (!c.number(2, 0, 23, hour) || !c.take(':') || !c.number(2, 0, 59, minute) || !c.take(':')) return false;
    if (!c.number(2, 0, 60, second)) return false;
    if (c.take('.') && !fraction(c, microseconds)) return false;
    if (!offset(c, east) || c.p != c.end) return false;
    int64_t seconds = json_days_from_civil(year, month, day) * 86400 + (hour * 60 + minute - east) * 60 + second;
    if (second == 60) {
        // A leap second ends a UTC day. The epoch's count has no place for it: all of it is the next day's start.
        if (seconds % 86400 != 0) return false;
        microseconds = 0;
    }
    *out = seconds * 1000000 + microseconds;
    return true;
}
