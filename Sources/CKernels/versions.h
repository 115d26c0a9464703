// A kernel's versions: for the baseline, for AVX2 and for AVX-512, of which the loader takes the best that the machine has.
#pragma once

#if defined(__x86_64__) && defined(__linux__)
#define VERSIONS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VERSIONS
#endif
