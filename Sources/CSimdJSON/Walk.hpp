#pragma once

#include <simdjson.h>

#include <memory>
#include <new>
#include <vector>

#include "CSimdJSON.h"
#include "Names.hpp"
#include "Number.hpp"
#include "String.hpp"

// What is kept from record to record, and the walk over one record's structure.
namespace freshet {

using simdjson::error_code;

// What a record says of a field. One that says nothing stays absent.
struct Finding {
    JSONOutcome outcome = JSONOutcomeAbsent;
    uint32_t components = 0;
    uint32_t start = 0, end = 0;
};

struct Field {
    JSONKind kind;
    uint8_t scale;
    bool optional;
    JSONColumn column{};
};

// Beyond this, memory that one large record needed is given back.
constexpr size_t retained_bytes_max = 1 << 20;

}  // namespace freshet

struct JSONReader {
    std::vector<freshet::Field> fields;
    freshet::Names names;
    size_t event_time;
    int64_t *times = nullptr;

    std::unique_ptr<simdjson::internal::dom_parser_implementation> structure;
    std::vector<uint8_t> padded;    // a record that cannot be read in place
    std::vector<uint8_t> unescaped;
    std::vector<JSONOutcome> outcomes;
    std::vector<freshet::Finding> findings;  // only of outcomes other than Decoded and Absent
    JSONFailure failure{};

    const uint8_t *prepare(const uint8_t *record, size_t length, size_t readable_after) {
        if (!structure || structure->capacity() < length) {
            size_t capacity = 4096;
            while (capacity < length) capacity *= 2;
            structure.reset();
            const simdjson::implementation *implementation = simdjson::get_active_implementation();
            if (implementation->create_dom_parser_implementation(capacity, 1, structure)) throw std::bad_alloc();
        }
        if (readable_after >= json_padding) return record;
        if (padded.size() < length + json_padding) padded.resize(length + length / 2 + json_padding);
        std::memcpy(padded.data(), record, length);
        std::memset(padded.data() + length, 0, json_padding);
        return padded.data();
    }

    void release_what_is_large(size_t length) {
        if (length <= freshet::retained_bytes_max) return;
        structure.reset();
        padded = {};
        unescaped = {};
    }
};

namespace freshet {

// Private to the one file that reads records, so that the compiler merges the walk's small steps.
namespace {

bool ends_scalar(uint8_t c) {
    return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == ':';
}

// One pass over the structure of one record. Every token is looked at: what the first stage lets through is not yet JSON.
struct Walk {
    JSONReader &reader;
    const uint8_t *const record;
    const uint32_t *const at;  // where the tokens start; the last of them is a `}`
    const uint32_t count;
    const size_t row;
    uint8_t *const text;
    size_t text_count;
    uint32_t i = 0;
    error_code error = simdjson::SUCCESS;

    uint8_t here() const { return record[at[i]]; }

    bool fail(error_code code) {
        error = code;
        return false;
    }

    bool root() {
        ++i;
        return object(0, 1) && (i == count || fail(simdjson::TRAILING_CONTENT));
    }

    // The members of an object, from behind its `{`; scope -1: none of them is declared.
    bool object(int scope, int depth) {
        if (depth > json_depth_max) return fail(simdjson::DEPTH_ERROR);
        if (here() == '}') return ++i, true;
        size_t place = 0;
        for (;;) {
            if (here() != '"' || record[at[i + 1]] != ':') return fail(simdjson::TAPE_ERROR);
            int key;
            if (!find_key(scope, place, key)) return false;
            i += 2;
            if (!(key < 0 ? skip(depth) : value(reader.names.keys[size_t(key)], depth))) return false;
            if (i >= count) return fail(simdjson::TAPE_ERROR);
            uint8_t c = here();
            if (c != ',' && c != '}') return fail(simdjson::TAPE_ERROR);
            ++i;
            if (c == '}') return true;
        }
    }

    bool array(int depth) {
        if (depth > json_depth_max) return fail(simdjson::DEPTH_ERROR);
        if (here() == ']') return ++i, true;
        for (;;) {
            if (!skip(depth)) return false;
            if (i >= count) return fail(simdjson::TAPE_ERROR);
            uint8_t c = here();
            if (c != ',' && c != ']') return fail(simdjson::TAPE_ERROR);
            ++i;
            if (c == ']') return true;
        }
    }

    // The closing quote of the string that is the current token: only white space lies between it and the next token.
    const uint8_t *closing_quote() const {
        const uint8_t *p = record + at[i + 1] - 1;
        while (*p != '"') --p;
        return p;
    }

    // A declared key's number, -1 for any other.
    bool find_key(int scope, size_t &place, int &key) {
        const uint8_t *raw = record + at[i] + 1;
        key = -1;
        if (scope >= 0 && (key = reader.names.scopes[size_t(scope)].predict(raw, place)) != -2) return true;
        const uint8_t *end = closing_quote(), *name = raw;
        size_t length = size_t(end - raw), raw_length = length;
        if (copy_and_find_backslash<false>(raw, length, nullptr)) {
            if (!unescape_aside(raw, end, length)) return fail(simdjson::STRING_ERROR);
            name = reader.unescaped.data();
        }
        key = -1;
        if (scope < 0) return true;
        Scope &names = reader.names.scopes[size_t(scope)];
        auto entry = names.numbers.find(std::string_view(reinterpret_cast<const char *>(name), length));
        if (entry != names.numbers.end()) key = entry->second;
        names.remember(raw, raw_length, key, place);
        return true;
    }

    // Resolves the escapes of a text into `reader.unescaped`, which then ends in a NUL and padding.
    bool unescape_aside(const uint8_t *p, const uint8_t *end, size_t &length) {
        std::vector<uint8_t> &out = reader.unescaped;
        if (out.size() < size_t(end - p) + json_padding) out.resize(size_t(end - p) + json_padding);
        uint8_t *last = unescape(p, end, out.data());
        if (!last) return false;
        length = size_t(last - out.data());
        std::memset(last, 0, 8);
        return true;
    }

    // Any value, only validated.
    bool skip(int depth) {
        const uint8_t *p = record + at[i];
        switch (*p) {
            case '{': return ++i, object(-1, depth + 1);
            case '[': return ++i, array(depth + 1);
            case '"': {
                const uint8_t *end = closing_quote();
                size_t length = size_t(end - p - 1);
                if (copy_and_find_backslash<false>(p + 1, length, nullptr) && !unescape_aside(p + 1, end, length))
                    return fail(simdjson::STRING_ERROR);
                return ++i, true;
            }
            case 't': return literal(p, "true", 4, simdjson::T_ATOM_ERROR);
            case 'f': return literal(p, "false", 5, simdjson::F_ATOM_ERROR);
            case 'n': return literal(p, "null", 4, simdjson::N_ATOM_ERROR);
            default: {
                Number n;
                return number(p, n) != nullptr;
            }
        }
    }

    bool literal(const uint8_t *p, const char *word, size_t length, error_code otherwise) {
        if (std::memcmp(p, word, length) != 0 || !ends_scalar(p[length])) return fail(otherwise);
        return ++i, true;
    }

    const uint8_t *number(const uint8_t *p, Number &n) {
        const uint8_t *end = scan_number(p, n);
        if (!end || !ends_scalar(*end)) {
            bool looks_like_one = is_digit(*p) || *p == '-' || *p == '+' || *p == '.';
            return fail(looks_like_one ? simdjson::NUMBER_ERROR : simdjson::TAPE_ERROR), nullptr;
        }
        ++i;
        return end;
    }

    bool value(const Key &key, int depth) {
        if (key.scope < 0) return leaf(key.field, depth);
        // The last of a repeated key wins, all of it.
        for (int field : key.descendants) reader.outcomes[size_t(field)] = JSONOutcomeAbsent;
        uint32_t start = at[i];
        uint8_t first = here();
        bool whole = first == '{' ? (++i, object(key.scope, depth + 1)) : key.field >= 0 ? leaf(key.field, depth) : skip(depth);
        if (!whole) return false;
        if (first == '{') {
            if (key.field >= 0) find(key.field, JSONOutcomeWrongType, start);
        } else if (first != 'n') {
            for (int field : key.descendants) find(field, JSONOutcomeNotAnObject, start, key.components);
        }
        return true;
    }

    // Notes what keeps the value that ends before the current token out of its column.
    void find(int field, JSONOutcome outcome, uint32_t start, uint32_t components = 0) {
        reader.outcomes[size_t(field)] = outcome;
        reader.findings[size_t(field)] = {outcome, components, start, at[i]};
    }

    bool put(int field, int64_t word) {
        size_t f = size_t(field);
        reader.outcomes[f] = JSONOutcomeDecoded;
        if (reader.fields[f].column.words) reader.fields[f].column.words[row] = word;
        if (f == reader.event_time) reader.times[row] = word;
        return true;
    }

    bool leaf(int field, int depth) {
        const uint8_t *p = record + at[i];
        uint32_t start = at[i];
        const Field &f = reader.fields[size_t(field)];
        if (*p == '"') {
            if (f.kind == JSONKindString) return string(field, p);
            if (f.kind == JSONKindDecimal || f.kind == JSONKindInstantText) return number_in_string(field, p);
        } else if (is_digit(*p) || *p == '-') {
            Number n;
            const uint8_t *end = number(p, n);
            if (!end) return false;
            int64_t word;
            JSONOutcome outcome = word_of(n, f, p, end, word);
            if (outcome == JSONOutcomeDecoded) return put(field, word);
            find(field, outcome, start);
            return true;
        }
        if (!skip(depth)) return false;
        if (*p == 'n') reader.outcomes[size_t(field)] = JSONOutcomeNull;
        else if (f.kind == JSONKindBool && (*p == 't' || *p == 'f')) return put(field, *p == 't');
        else find(field, JSONOutcomeWrongType, start);
        return true;
    }

    static JSONOutcome word_of(const Number &n, const Field &f, const uint8_t *p, const uint8_t *end, int64_t &word) {
        switch (f.kind) {
            case JSONKindInt64: {
                Scaled s = scale(n, 0);
                if (s.inexact) return JSONOutcomeWrongType;
                return to_int64(n.negative, s, word) ? JSONOutcomeDecoded : JSONOutcomeOutOfRange;
            }
            case JSONKindDecimal:
            case JSONKindInstant:
                return to_int64(n.negative, scale(n, f.scale), word) ? JSONOutcomeDecoded : JSONOutcomeOutOfRange;
            case JSONKindDouble: {
                double d;
                if (!to_double(n, p, end, d)) return JSONOutcomeOutOfRange;
                std::memcpy(&word, &d, 8);
                return JSONOutcomeDecoded;
            }
            default: return JSONOutcomeWrongType;
        }
    }

    bool string(int field, const uint8_t *p) {
        const Field &f = reader.fields[size_t(field)];
        const uint8_t *end = closing_quote();
        size_t length = size_t(end - ++p);
        if (!f.column.words) {
            if (!skip(0)) return false;
            reader.outcomes[size_t(field)] = JSONOutcomeDecoded;
            return true;
        }
        if (copy_and_find_backslash<true>(p, length, text + text_count)) {
            uint8_t *last = unescape(p, end, text + text_count);
            if (!last) return fail(simdjson::STRING_ERROR);
            length = size_t(last - text) - text_count;
        }
        int64_t word = int64_t(text_count) << 32 | int64_t(length);
        text_count += length;
        ++i;
        return put(field, word);
    }

    bool number_in_string(int field, const uint8_t *p) {
        const Field &f = reader.fields[size_t(field)];
        uint32_t start = at[i];
        const uint8_t *end = closing_quote();
        size_t length = size_t(end - ++p);
        if (copy_and_find_backslash<false>(p, length, nullptr)) {
            if (!unescape_aside(p, end, length)) return fail(simdjson::STRING_ERROR);
            p = reader.unescaped.data();
        }
        ++i;
        int64_t word;
        JSONOutcome outcome = JSONOutcomeWrongType;
        if (f.kind == JSONKindInstantText) {
            if (json_parse_instant(p, length, &word)) outcome = JSONOutcomeDecoded;
        } else {
            Number n;
            if (scan_number(p, n) == p + length)
                outcome = to_int64(n.negative, scale(n, f.scale), word) ? JSONOutcomeDecoded : JSONOutcomeOutOfRange;
        }
        if (outcome == JSONOutcomeDecoded) return put(field, word);
        find(field, outcome, start);
        return true;
    }
};

}  // namespace

}  // namespace freshet
