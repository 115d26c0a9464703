#include "CKernels.h"
#include "versions.h"

#define FOLD(name, type, least, greatest)                                                     \
    VERSIONS void name(const type *values, size_t n, struct kernel_fold *result) {            \
        int64_t sum = 0;                                                                      \
        uint64_t squares = 0;                                                                 \
        type min = greatest, max = least;                                                     \
        for (size_t i = 0; i < n; i++) {                                                      \
            const int64_t value = values[i];                                                  \
            sum += value;                                                                     \
            squares += (uint64_t)(value * value);                                             \
            min = values[i] < min ? values[i] : min;                                          \
            max = values[i] > max ? values[i] : max;                                          \
        }                                                                                     \
        result->sum = sum;                                                                    \
        result->squares = squares;                                                            \
        result->min = min;                                                                    \
        result->max = max;                                                                    \
    }

FOLD(kernel_fold8, int8_t, INT8_MIN, INT8_MAX)
FOLD(kernel_fold16, int16_t, INT16_MIN, INT16_MAX)
FOLD(kernel_fold32, int32_t, INT32_MIN, INT32_MAX)

VERSIONS void kernel_count32(const uint32_t *values, size_t n, const uint32_t *edges, size_t k, uint32_t *counts) {
    for (size_t j = 0; j < k; j++) {
        const uint32_t edge = edges[j];
        uint32_t count = 0;
        for (size_t i = 0; i < n; i++) count += values[i] <= edge;
        counts[j] = count;
    }
}

VERSIONS uint32_t kernel_sum8(const uint8_t *values, size_t n) {
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += values[i];
    return sum;
}

VERSIONS int64_t kernel_sum32(const int32_t *values, size_t n) {
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += values[i];
    return sum;
}
