// The clocks of the world: one that never goes back, and the wall's, which is set now and then.
#define _GNU_SOURCE
#include "tasks.h"

#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t monotonic, wall_offset;
// Reading a clock takes time, and so does what lies between two readings.
enum { nanoseconds_between_readings = 40000 };

int64_t monotonic_now(void) { return monotonic; }
int64_t wall_now(void) { return monotonic + wall_offset; }
void clock_advance(int64_t nanoseconds) { if (nanoseconds > 0) monotonic += nanoseconds; }

static int64_t begun_at;
int64_t elapsed(void) { return the_report->elapsed * 1000 + monotonic - begun_at; }

void clock_begin(void) {
    monotonic = begun_at = 1000000000000 + (int64_t)chance_below(1000000000);
    wall_offset = the_plan.wall_microseconds * 1000 - monotonic;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (!world_is_here()) return (int)syscall(SYS_clock_gettime, clock, time);
    clock_advance((int64_t)chance_below(nanoseconds_between_readings));
    bool is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (is_wall && chance_one_in(the_plan.wall_jump_one_in)) {
        // Up to a quarter of an hour in either direction.
        wall_offset += ((int64_t)chance_below(1800) - 900) * 1000000000;
    }
    int64_t now = is_wall ? wall_now() : monotonic_now();
    time->tv_sec = now / 1000000000;
    time->tv_nsec = now % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}

static int sleep_for(int64_t nanoseconds) {
    static const char nothing;
    block(&nothing, monotonic_now() + nanoseconds);
    return 0;
}

int nanosleep(const struct timespec *time, struct timespec *rest) {
    if (!world_is_here()) return (int)syscall(SYS_nanosleep, time, rest);
    return sleep_for((int64_t)time->tv_sec * 1000000000 + time->tv_nsec);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *rest) {
    if (!world_is_here()) {
        return syscall(SYS_clock_nanosleep, clock, flags, time, rest) == 0 ? 0 : errno;
    }
    int64_t at = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
    if (!(flags & TIMER_ABSTIME)) return sleep_for(at);
    return sleep_for(at - (clock == CLOCK_REALTIME ? wall_now() : monotonic_now()));
}

int usleep(useconds_t microseconds) {
    struct timespec time = {microseconds / 1000000, (long)(microseconds % 1000000) * 1000};
    return nanosleep(&time, NULL);
}
