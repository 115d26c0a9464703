// Counts what the clock does not: calls to the allocator, and instructions between two marks under callgrind.
#pragma once

#include <stdint.h>

/// Calls that allocated so far, of all threads: malloc, calloc, realloc, aligned_alloc, posix_memalign, memalign.
uint64_t measure_allocations(void);

/// Whether the process runs under valgrind.
int measure_is_simulated(void);

/// Under callgrind: writes the costs since the last dump to a file that bears `name`, and begins anew. Else nothing.
void measure_dump(const char *name);
