#include "Walk.hpp"

using namespace freshet;

namespace {

JSONOutcome malformed(JSONReader &reader, error_code error, size_t position, bool placed = true) {
    reader.failure = {0, 0, position, position, simdjson::error_message(error), placed};
    return JSONOutcomeMalformed;
}

// Whether every field is there or may be absent; completes the row.
JSONOutcome settle(JSONReader &reader, size_t row) {
    for (size_t f = 0; f < reader.fields.size(); ++f) {
        const Field &field = reader.fields[f];
        JSONOutcome outcome = reader.outcomes[f];
        bool there = outcome == JSONOutcomeDecoded;
        if (!there) {
            bool nothing = outcome == JSONOutcomeAbsent || outcome == JSONOutcomeNull;
            if (!nothing || !field.optional) {
                const Finding &found = reader.findings[f];
                reader.failure = {uint32_t(f), found.components, found.start, found.end, nullptr, true};
                return outcome;
            }
            if (field.column.words) field.column.words[row] = 0;
        }
        if (field.column.words) field.column.valid[row] = there;
    }
    return JSONOutcomeDecoded;
}

JSONOutcome decode(
    JSONReader &reader, const uint8_t *original, size_t length, size_t readable_after, size_t row, uint8_t *text,
    size_t *text_count
) {
    const uint8_t *record = reader.prepare(original, length, readable_after);
    error_code error = reader.structure->stage1(record, length, simdjson::stage1_mode::regular);
    if (error) return malformed(reader, error, 0, false);

    const uint32_t *at = reader.structure->structural_indexes.get();
    uint32_t count = reader.structure->n_structural_indexes;
    if (record[at[0]] != '{') return malformed(reader, simdjson::INCORRECT_TYPE, at[0]);
    // With a `}` at the end, no token runs into the bytes behind the record.
    if (record[at[count - 1]] != '}') return malformed(reader, simdjson::TAPE_ERROR, at[count - 1]);

    std::memset(reader.outcomes.data(), JSONOutcomeAbsent, reader.outcomes.size());
    Walk walk{reader, record, at, count, row, text, *text_count};
    if (!walk.root()) return malformed(reader, walk.error, walk.i < count ? at[walk.i] : length);
    JSONOutcome outcome = settle(reader, row);
    if (outcome == JSONOutcomeDecoded) *text_count = walk.text_count;
    return outcome;
}

}  // namespace

extern "C" {

JSONReader *json_reader_create(const JSONField *fields, size_t count, size_t event_time) {
    auto *reader = new JSONReader();
    for (size_t f = 0; f < count; ++f) {
        reader->fields.push_back({fields[f].kind, fields[f].scale, fields[f].optional && f != event_time});
        reader->names.declare(std::string_view(fields[f].name, fields[f].name_length), int(f));
    }
    reader->event_time = event_time;
    reader->outcomes.resize(count);
    reader->findings.resize(count);
    return reader;
}

void json_reader_destroy(JSONReader *reader) { delete reader; }

void json_reader_bind(JSONReader *reader, const JSONColumn *columns, int64_t *times) {
    for (size_t f = 0; f < reader->fields.size(); ++f) reader->fields[f].column = columns[f];
    reader->times = times;
}

JSONOutcome json_reader_decode(
    JSONReader *reader, const uint8_t *record, size_t length, size_t readable_after, size_t row, uint8_t *text,
    size_t *text_count
) {
    try {
        JSONOutcome outcome = decode(*reader, record, length, readable_after, row, text, text_count);
        reader->release_what_is_large(length);
        return outcome;
    } catch (const std::bad_alloc &) {
        return JSONOutcomeOutOfMemory;
    }
}

JSONFailure json_reader_failure(const JSONReader *reader) { return reader->failure; }

JSONOutcome json_parse_decimal(const uint8_t *text, size_t length, int scale, int64_t *out) {
    // The scanner wants an end that is no digit.
    std::vector<uint8_t> ended(length + 8);
    if (length) std::memcpy(ended.data(), text, length);
    Number n;
    if (scan_number(ended.data(), n) != ended.data() + length) return JSONOutcomeWrongType;
    return to_int64(n.negative, freshet::scale(n, scale), *out) ? JSONOutcomeDecoded : JSONOutcomeOutOfRange;
}

}  // extern "C"
