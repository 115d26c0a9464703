#pragma once

#include <cstdint>
#include <cstring>

// Texts between quotes, whose UTF-8 and control characters simdjson's first stage has checked already.
namespace freshet {

// Copies `length` bytes, up to seven beyond on both sides, and says whether a backslash is among them.
template <bool copies>
inline bool copy_and_find_backslash(const uint8_t *source, size_t length, uint8_t *target) {
    constexpr uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
    uint64_t found = 0;
    size_t i = 0;
    for (; i < length; i += 8) {
        uint64_t word;
        std::memcpy(&word, source + i, 8);
        if (copies) std::memcpy(target + i, &word, 8);
        if (i + 8 > length) {
            // Bytes past the text are not ours to judge.
            size_t beyond = 8 * (i + 8 - length);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
            word = word >> beyond << beyond;
#else
            word = word << beyond >> beyond;
#endif
        }
        uint64_t x = word ^ (ones * '\\');
        found |= (x - ones) & ~x & tops;
    }
    return found != 0;
}

inline bool hex4(const uint8_t *p, uint32_t &value) {
    value = 0;
    for (int i = 0; i < 4; ++i) {
        uint8_t c = p[i], lower = c | 0x20;
        if (uint8_t(c - '0') < 10) value = value << 4 | uint32_t(c - '0');
        else if (lower >= 'a' && lower <= 'f') value = value << 4 | uint32_t(lower - 'a' + 10);
        else return false;
    }
    return true;
}

inline uint8_t *put_utf8(uint32_t c, uint8_t *out) {
    if (c < 0x80) {
        *out++ = uint8_t(c);
    } else if (c < 0x800) {
        *out++ = uint8_t(0xC0 | c >> 6);
        *out++ = uint8_t(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = uint8_t(0xE0 | c >> 12);
        *out++ = uint8_t(0x80 | (c >> 6 & 0x3F));
        *out++ = uint8_t(0x80 | (c & 0x3F));
    } else {
        *out++ = uint8_t(0xF0 | c >> 18);
        *out++ = uint8_t(0x80 | (c >> 12 & 0x3F));
        *out++ = uint8_t(0x80 | (c >> 6 & 0x3F));
        *out++ = uint8_t(0x80 | (c & 0x3F));
    }
    return out;
}

// Writes [p, end) with escapes resolved to `out`, which takes no more bytes than that, and returns its end; null for a wrong
// escape or half a surrogate pair. The quote at `end` stops every escape that the text cuts short.
inline uint8_t *unescape(const uint8_t *p, const uint8_t *end, uint8_t *out) {
    while (p < end) {
        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        uint8_t kind = p[1];
        p += 2;
        switch (kind) {
            case '"': case '\\': case '/': *out++ = kind; break;
            case 'b': *out++ = '\b'; break;
            case 'f': *out++ = '\f'; break;
            case 'n': *out++ = '\n'; break;
            case 'r': *out++ = '\r'; break;
            case 't': *out++ = '\t'; break;
            case 'u': {
                uint32_t c, low;
                if (!hex4(p, c)) return nullptr;
                p += 4;
                if (c >= 0xDC00 && c < 0xE000) return nullptr;
                if (c >= 0xD800 && c < 0xDC00) {
                    if (p[0] != '\\' || p[1] != 'u' || !hex4(p + 2, low) || low < 0xDC00 || low > 0xDFFF) return nullptr;
                    p += 6;
                    c = 0x10000 + ((c - 0xD800) << 10 | (low - 0xDC00));
                }
                out = put_utf8(c, out);
                break;
            }
            default: return nullptr;
        }
    }
    return out;
}

}  // namespace freshet
