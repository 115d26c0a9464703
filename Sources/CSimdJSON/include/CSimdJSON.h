#pragma once

// JSON records into columns, and the two texts that mean numbers: decimals and instants.
//
// simdjson's first stage (picked for the CPU at run time) finds the structure and validates UTF-8 and quoting; the walk over
// that structure is ours, because On Demand does not validate the values that a caller skips.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_ENUM __attribute__((enum_extensibility(closed)))

#ifdef __cplusplus
extern "C" {
#endif

typedef enum JSON_ENUM JSONKind : uint8_t {
    JSONKindString,
    JSONKindInt64,
    JSONKindDouble,
    JSONKindBool,
    JSONKindDecimal,  // also an instant in s, ms or us: a decimal number of seconds, and so on, in microseconds
    JSONKindInstant,
    JSONKindInstantText,
} JSONKind;

typedef struct {
    const char *name;  // a dotted path; copied
    size_t name_length;
    JSONKind kind;
    uint8_t scale;  // the word is the number times 10^scale: decimal and instant
    bool optional;
} JSONField;

// Where a field's rows go; `words` is null for a field that is checked but not stored.
typedef struct {
    int64_t *words;
    uint8_t *valid;
} JSONColumn;

typedef enum JSON_ENUM JSONOutcome : uint8_t {
    JSONOutcomeDecoded,
    JSONOutcomeMalformed,
    JSONOutcomeAbsent,
    JSONOutcomeNull,
    JSONOutcomeWrongType,
    JSONOutcomeNotAnObject,  // what a dotted path leads through
    JSONOutcomeOutOfRange,
    JSONOutcomeOutOfMemory,
} JSONOutcome;

typedef struct {
    uint32_t field;       // not for malformed
    uint32_t components;  // NotAnObject: how much of the field's path leads to the value
    size_t start, end;    // the value found and white space behind it; malformed: where
    const char *reason;   // malformed: static text
    bool placed;          // malformed: whether the place is known
} JSONFailure;

typedef struct JSONReader JSONReader;

// What a record may be followed by without being copied, and what `text` needs beyond the record's length.
enum { json_padding = 64, json_depth_max = 64 };

JSONReader *json_reader_create(const JSONField *fields, size_t count, size_t event_time);
void json_reader_destroy(JSONReader *);

// Where the rows go from now on: one column per field, and the event time's lane.
void json_reader_bind(JSONReader *, const JSONColumn *columns, int64_t *times);

// Decodes one record into row `row`. `text` has room for `length + json_padding` bytes from `*text_count` on; what
// strings took is added to `*text_count`, unless the outcome is a failure.
JSONOutcome json_reader_decode(
    JSONReader *, const uint8_t *record, size_t length, size_t readable_after, size_t row, uint8_t *text, size_t *text_count);

// Why the last record was not decoded.
JSONFailure json_reader_failure(const JSONReader *);

// The number (JSON's grammar) in a text, times 10^scale, rounded half away from zero. Decoded, WrongType or OutOfRange.
JSONOutcome json_parse_decimal(const uint8_t *text, size_t length, int scale, int64_t *out);

// An RFC 3339 date-time in microseconds since the epoch; false if the text is none.
bool json_parse_instant(const uint8_t *text, size_t length, int64_t *out);

// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
int64_t json_days_from_civil(int64_t year, int month, int day);

// Values as JSON text at `out`, where there is room for it; give its end.
enum {
    json_int_bytes = 20,
    json_decimal_bytes = 22,
    json_double_bytes = 26,
    json_instant_bytes = 40,
};

uint8_t *json_write_int(uint8_t *out, int64_t number);

// A count of 10^-scale, `0 <= scale <= 18`, with all digits of its fraction.
uint8_t *json_write_decimal(uint8_t *out, int64_t number, int scale);

// The shortest number that reads back as the same double, always with a point or an exponent. What JSON has no number for is
// "NaN", "Infinity" or "-Infinity".
uint8_t *json_write_double(uint8_t *out, double number);

// An instant in microseconds as an RFC 3339 date-time in UTC with six digits of a fraction, in quotes.
uint8_t *json_write_instant(uint8_t *out, int64_t microseconds);

// UTF-8 text in quotes: at most 6 * length + 2 bytes.
uint8_t *json_write_string(uint8_t *out, const uint8_t *text, size_t length);

#ifdef __cplusplus
}
#endif
