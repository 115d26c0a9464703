#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "CSimdJSON.h"

// The declared fields' dotted paths as a tree of objects, and a memory of the order in which records bring their keys.
namespace freshet {

struct Key {
    int field = -1;                // the field whose path ends here
    int scope = -1;                // the object that longer paths lead through
    uint32_t components = 0;
    std::vector<int> descendants;  // the fields below
};

// The keys that are declared within one object.
class Scope {
public:
    std::unordered_map<std::string_view, int> numbers;

    // The number of the key whose raw text, up to its closing quote, starts at `raw`, if an earlier record had the same bytes
    // at about this place; -2 if not. `at` counts the keys of the object and moves on. Needs 32 readable bytes.
    int predict(const uint8_t *raw, size_t &at) const {
        // A key that is left out now and then must not spoil the prediction of those behind it.
        for (size_t i = at; i < at + 3 && i < seen_count; ++i) {
            if (seen[i].equals(raw)) {
                at = i + 1;
                return seen[i].number;
            }
        }
        return -2;
    }

    void remember(const uint8_t *raw, size_t length, int number, size_t &at) {
        if (length >= Seen::bytes_max || at == seen_max) return;
        if (at == seen_count) ++seen_count;
        std::memcpy(seen[at].bytes, raw, length + 1);
        seen[at].length = uint8_t(length + 1);
        seen[at].number = number;
        ++at;
    }

private:
    struct Seen {
        static constexpr size_t bytes_max = 32;
        uint8_t bytes[bytes_max] = {};
        int32_t number = -1;
        uint8_t length = 0;  // with the closing quote

        bool equals(const uint8_t *raw) const {
            static constexpr struct Masks {
                uint8_t bytes[2 * bytes_max] = {};
                constexpr Masks() {
                    for (size_t i = 0; i < bytes_max; ++i) bytes[i] = 0xFF;
                }
            } masks;
            uint64_t a[4], b[4], mask[4], difference = 0;
            std::memcpy(a, raw, sizeof a);
            std::memcpy(b, bytes, sizeof b);
            std::memcpy(mask, masks.bytes + bytes_max - length, sizeof mask);
            for (int i = 0; i < 4; ++i) difference |= (a[i] ^ b[i]) & mask[i];
            return difference == 0;
        }
    };
    static constexpr size_t seen_max = 128;

    size_t seen_count = 0;
    Seen seen[seen_max];
};

struct Names {
    std::vector<Scope> scopes{1};  // the record's own object first
    std::vector<Key> keys;
    std::deque<std::string> texts;  // what the scopes' views point into: a deque never moves its elements

    void declare(std::string_view path, int field) {
        size_t scope = 0;
        uint32_t components = 0;
        std::vector<int> above;
        for (;;) {
            size_t dot = path.find('.');
            bool last = dot == path.npos;
            std::string_view name = texts.emplace_back(path.substr(0, dot));
            auto [entry, fresh] = scopes[scope].numbers.try_emplace(name, int(keys.size()));
            int number = entry->second;
            ++components;
            if (fresh) {
                keys.emplace_back();
                keys[number].components = components;
            }
            if (last) {
                keys[number].field = field;
                break;
            }
            keys[number].descendants.push_back(field);
            if (keys[number].scope < 0) {
                keys[number].scope = int(scopes.size());
                scopes.emplace_back();
            }
            scope = size_t(keys[number].scope);
            path.remove_prefix(dot + 1);
        }
    }
};

}  // namespace freshet
