// Where threads meet. A lock that is taken makes its caller wait for its turn, never for the system.
#define _GNU_SOURCE
#include "tasks.h"

#include <limits.h>
#include <sched.h>
#include <time.h>

#define HERE __builtin_return_address(0)
#define NEXT_OF(name, version, result, ...) \
    static result (*next)(__VA_ARGS__); \
    if (!next) next = (result (*)(__VA_ARGS__))next_definition(#name, version)

static int try_lock(pthread_mutex_t *mutex) {
    NEXT_OF(pthread_mutex_trylock, NULL, int, pthread_mutex_t *);
    return next(mutex);
}

static int let_go(pthread_mutex_t *mutex) {
    NEXT_OF(pthread_mutex_unlock, NULL, int, pthread_mutex_t *);
    int result = next(mutex);
    if (world_is_here()) wake_all(mutex);
    return result;
}

static int take(pthread_mutex_t *mutex) {
    int result;
    while ((result = try_lock(mutex)) == EBUSY) block(mutex, never);
    return result;
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
    NEXT_OF(pthread_mutex_lock, NULL, int, pthread_mutex_t *);
    if (!world_is_here()) return next(mutex);
    if (is_ours(HERE)) point(at_lock);
    return take(mutex);
}

int pthread_mutex_trylock(pthread_mutex_t *mutex) {
    if (world_is_here() && is_ours(HERE)) point(at_lock);
    return try_lock(mutex);
}

int pthread_mutex_unlock(pthread_mutex_t *mutex) { return let_go(mutex); }

// MARK: - Conditions

static int wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline) {
    // Nobody promises that a wait ends only when somebody wakes it.
    bool is_spurious = chance_one_in(50);
    let_go(mutex);
    bool is_over = false;
    if (is_spurious) point(at_wait); else is_over = block(condition, deadline);
    take(mutex);
    return is_over ? ETIMEDOUT : 0;
}

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
    NEXT_OF(pthread_cond_wait, "GLIBC_2.3.2", int, pthread_cond_t *, pthread_mutex_t *);
    if (!world_is_here()) return next(condition, mutex);
    return wait_until(condition, mutex, never);
}

static int64_t deadline_of(const struct timespec *time, clockid_t clock) {
    int64_t at = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
    return clock == CLOCK_REALTIME ? monotonic_now() + (at - wall_now()) : at;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *time) {
    NEXT_OF(pthread_cond_timedwait, "GLIBC_2.3.2", int, pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!world_is_here()) return next(condition, mutex, time);
    return wait_until(condition, mutex, deadline_of(time, CLOCK_REALTIME));
}

int pthread_cond_clockwait(
    pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *time
) {
    NEXT_OF(
        pthread_cond_clockwait, NULL, int, pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
    if (!world_is_here()) return next(condition, mutex, clock, time);
    return wait_until(condition, mutex, deadline_of(time, clock));
}

int pthread_cond_signal(pthread_cond_t *condition) {
    NEXT_OF(pthread_cond_signal, "GLIBC_2.3.2", int, pthread_cond_t *);
    if (!world_is_here()) return next(condition);
    wake_one(condition);
    if (is_ours(HERE)) point(at_wake);
    return 0;
}

int pthread_cond_broadcast(pthread_cond_t *condition) {
    NEXT_OF(pthread_cond_broadcast, "GLIBC_2.3.2", int, pthread_cond_t *);
    if (!world_is_here()) return next(condition);
    wake_all(condition);
    if (is_ours(HERE)) point(at_wake);
    return 0;
}

// MARK: - Read-write locks

int pthread_rwlock_rdlock(pthread_rwlock_t *lock) {
    NEXT_OF(pthread_rwlock_rdlock, NULL, int, pthread_rwlock_t *);
    if (!world_is_here()) return next(lock);
    if (is_ours(HERE)) point(at_lock);
    int result;
    while ((result = pthread_rwlock_tryrdlock(lock)) == EBUSY) block(lock, never);
    return result;
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock) {
    NEXT_OF(pthread_rwlock_wrlock, NULL, int, pthread_rwlock_t *);
    if (!world_is_here()) return next(lock);
    if (is_ours(HERE)) point(at_lock);
    int result;
    while ((result = pthread_rwlock_trywrlock(lock)) == EBUSY) block(lock, never);
    return result;
}

int pthread_rwlock_unlock(pthread_rwlock_t *lock) {
    NEXT_OF(pthread_rwlock_unlock, NULL, int, pthread_rwlock_t *);
    int result = next(lock);
    if (world_is_here()) wake_all(lock);
    return result;
}

// MARK: - What is done once

int pthread_once(pthread_once_t *control, void (*body)(void)) {
    NEXT_OF(pthread_once, NULL, int, pthread_once_t *, void (*)(void));
    calm_begin();
    int result = next(control, body);
    calm_end();
    return result;
}

// C++ has its own for local statics.
int __cxa_guard_acquire(uint64_t *guard) {
    NEXT_OF(__cxa_guard_acquire, NULL, int, uint64_t *);
    int begins = next(guard);
    if (begins) calm_begin();
    return begins;
}

void __cxa_guard_release(uint64_t *guard) {
    NEXT_OF(__cxa_guard_release, NULL, void, uint64_t *);
    next(guard);
    calm_end();
}

void __cxa_guard_abort(uint64_t *guard) {
    NEXT_OF(__cxa_guard_abort, NULL, void, uint64_t *);
    next(guard);
    calm_end();
}

// MARK: - Threads

static pthread_key_t ending;
static bool has_key;

// A thread's own values are taken down after its body: the turn goes on only when the last round of that is over.
static void end(void *argument) {
    task *task = argument;
    if (++task->rounds < PTHREAD_DESTRUCTOR_ITERATIONS) {
        pthread_setspecific(ending, task);
        return;
    }
    task_end();
}

static void *run(void *argument) {
    task *task = argument;
    task_begin(task);
    pthread_setspecific(ending, task);
    return task->body(task->argument);
}

int pthread_create(
    pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument
) {
    NEXT_OF(pthread_create, NULL, int, pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!world_is_here()) return next(thread, attributes, body, argument);
    if (!has_key) has_key = pthread_key_create(&ending, end) == 0;
    task *task = task_create();
    task->body = body;
    task->argument = argument;
    int result = next(&task->handle, attributes, run, task);
    if (result != 0) fail("the system gives no more threads");
    *thread = task->handle;
    point(at_start);
    return 0;
}

int pthread_join(pthread_t thread, void **result) {
    NEXT_OF(pthread_join, NULL, int, pthread_t, void **);
    if (!world_is_here()) return next(thread, result);
    task *task = task_of(thread);
    if (!task) fail("a thread is waited for that was never started");
    point(at_end);
    while (task->state != task_ended) block(task, never);
    int code = next(thread, result);
    task->state = task_gone;
    return code;
}

int sched_yield(void) {
    point(at_sleep);
    return 0;
}

// RocksDB keeps figures and memory per processor.
int sched_getcpu(void) { return 0; }
