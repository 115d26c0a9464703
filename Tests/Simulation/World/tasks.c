// One thread at a time: the others wait for their turn, each on a word of its own.
#define _GNU_SOURCE
#include "world.h"

#include <dlfcn.h>
#include <link.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "tasks.h"

world_plan the_plan;
world_report *the_report;

static task tasks[tasks_max];
static int task_count;
static __thread task *self;
static uint64_t random_state;
static uint64_t lowest_priority;

// More than any life needs: who comes here goes round in circles.
enum { points_max = 20000000 };

bool world_is_here(void) { return self != NULL; }

// MARK: - Chance

void digest(uint64_t word) { the_report->digest = (the_report->digest ^ word) * 0x100000001B3u + (the_report->digest >> 47); }

uint64_t chance(void) {
    random_state += 0x9E3779B97F4A7C15u;
    uint64_t word = random_state;
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9u;
    word = (word ^ word >> 27) * 0x94D049BB133111EBu;
    return word ^ word >> 31;
}

// MARK: - Turns

static void wait_for_turn(task *me) {
    while (__atomic_exchange_n(&me->turn, 0, __ATOMIC_ACQUIRE) == 0) {
        syscall(SYS_futex, &me->turn, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    }
}

static void give_turn(task *next) {
    the_report->switches += 1;
    __atomic_store_n(&next->turn, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &next->turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static const char *state_of(const task *task) {
    switch (task->state) {
    case task_runnable: return "runs";
    case task_waiting: return task->deadline == never ? "waits" : "sleeps";
    case task_ended: return "ended";
    default: return "gone";
    }
}

static _Noreturn void fail_stuck(const char *what) {
    char text[2048];
    int length = snprintf(text, sizeof text, "%s:", what);
    for (int index = 0; index < task_count && length < 1900; index++) {
        length += snprintf(text + length, sizeof text - (size_t)length, " %d %s", index, state_of(&tasks[index]));
    }
    fail("%s", text);
}

// Whose turn it is, by the seed; the clock moves on where all wait.
static task *choose(void) {
    while (true) {
        task *runnable[tasks_max];
        int count = 0;
        int64_t now = monotonic_now();
        int64_t soonest = never;
        for (int index = 0; index < task_count; index++) {
            task *task = &tasks[index];
            if (task->state == task_waiting && task->deadline <= now) {
                task->state = task_runnable;
                task->timed_out = true;
            }
            if (task->state == task_runnable) runnable[count++] = task;
            else if (task->state == task_waiting && task->deadline < soonest) soonest = task->deadline;
        }
        if (count > 0) {
            task *chosen = runnable[0];
            if (the_plan.has_priorities) {
                for (int index = 1; index < count; index++) {
                    if (runnable[index]->priority > chosen->priority) chosen = runnable[index];
                }
            } else if (count > 1) {
                chosen = runnable[chance_below((uint64_t)count)];
            }
            digest((uint64_t)(chosen - tasks));
            return chosen;
        }
        if (soonest == never) fail_stuck("all threads wait for each other");
        clock_advance(soonest - now);
    }
}

static void pass(void) {
    task *me = self, *next = choose();
    if (next == me) return;
    give_turn(next);
    wait_for_turn(me);
}

void point(uint32_t kind) {
    if (!self) return;
    the_report->points += 1;
    digest(kind);
    if (the_report->points == the_plan.crash_at_point) crash("a point between threads");
    if (the_report->points > points_max) fail_stuck("no end in sight");
    if (!chance_one_in(the_plan.switch_one_in) || self->calm > 0) return;
    if (the_plan.has_priorities) self->priority = --lowest_priority;
    pass();
}

// Swift's numbers by chance come from the seed too.
void swift_stdlib_random(void *target, size_t size) {
    if (!self) {
        while (size > 0) {
            ssize_t got = syscall(SYS_getrandom, target, size, 0);
            if (got < 0) continue;
            target = (char *)target + got;
            size -= (size_t)got;
        }
        return;
    }
    for (; size > 0; size--) *(uint8_t *)target++ = (uint8_t)chance();
}

void calm_begin(void) { if (self) self->calm += 1; }
void calm_end(void) { if (self) self->calm -= 1; }

bool block(const void *awaited, int64_t deadline) {
    self->state = task_waiting;
    self->awaited = awaited;
    self->deadline = deadline;
    self->timed_out = false;
    pass();
    self->awaited = NULL;
    return self->timed_out;
}

static void make_runnable(task *task) {
    task->state = task_runnable;
    task->awaited = NULL;
}

void wake_all(const void *awaited) {
    for (int index = 0; index < task_count; index++) {
        if (tasks[index].state == task_waiting && tasks[index].awaited == awaited) make_runnable(&tasks[index]);
    }
}

void wake_one(const void *awaited) {
    task *waiting[tasks_max];
    int count = 0;
    for (int index = 0; index < task_count; index++) {
        if (tasks[index].state == task_waiting && tasks[index].awaited == awaited) waiting[count++] = &tasks[index];
    }
    if (count > 0) make_runnable(waiting[count == 1 ? 0 : chance_below((uint64_t)count)]);
}

// MARK: - Threads

task *task_create(void) {
    task *created = tasks;
    while (created < tasks + task_count && created->state != task_gone) created++;
    if (created == tasks + task_count && task_count++ == tasks_max) fail("more than %d threads", tasks_max);
    memset(created, 0, sizeof *created);
    created->state = task_runnable;
    created->deadline = never;
    created->priority = (1ull << 62) + (chance() >> 4);
    return created;
}

void task_begin(task *task) {
    self = task;
    wait_for_turn(task);
}

void task_end(void) {
    task *me = self;
    me->state = task_ended;
    wake_all(me);
    give_turn(choose());
}

task *task_of(pthread_t handle) {
    for (int index = 0; index < task_count; index++) {
        if (tasks[index].state != task_gone && pthread_equal(tasks[index].handle, handle)) return &tasks[index];
    }
    return NULL;
}

// MARK: - A life

enum { journal_capacity = 256 << 20, emission_capacity = 64 << 20, emission_head = 64 << 10 };

world_report *world_report_create(void) {
    void *memory = mmap(
        NULL, sizeof(world_report) + journal_capacity + emission_capacity, PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

const uint8_t *world_journal(const world_report *report) { return (const uint8_t *)(report + 1); }

void *world_emission_memory(const world_report *report) { return (uint8_t *)world_journal(report) + journal_capacity; }

size_t world_emission_room(void) { return emission_capacity - emission_head; }

size_t journal_room(void) { return journal_capacity - the_report->journal_size; }

static struct { uintptr_t from, to; } ours[8];
static int ours_count;

static int note_object(struct dl_phdr_info *info, size_t size, void *argument) {
    (void)size, (void)argument;
    bool is_executable = info->dlpi_name[0] == 0;
    if (!is_executable && !strstr(info->dlpi_name, "librocksdb")) return 0;
    for (int index = 0; index < info->dlpi_phnum && ours_count < 8; index++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[index];
        if (header->p_type != PT_LOAD || !(header->p_flags & PF_X)) continue;
        ours[ours_count].from = info->dlpi_addr + header->p_vaddr;
        ours[ours_count].to = ours[ours_count].from + header->p_memsz;
        ours_count += 1;
    }
    return 0;
}

bool is_ours(const void *address) {
    for (int index = 0; index < ours_count; index++) {
        if ((uintptr_t)address >= ours[index].from && (uintptr_t)address < ours[index].to) return true;
    }
    return false;
}

void world_begin(const world_plan *plan, const char *folder, world_report *report) {
    dl_iterate_phdr(note_object, NULL);
    the_plan = *plan;
    the_report = report;
    random_state = plan->seed;
    lowest_priority = 1ull << 62;
    report->outcome = world_running;
    report->points = report->operations = report->switches = report->digest = report->faults = 0;
    report->journal_size = 0;
    report->text[0] = 0;
    clock_begin();
    disk_begin(folder);
    task *first = task_create();
    first->handle = pthread_self();
    self = first;
}

_Noreturn void world_end(world_outcome outcome, const char *text) {
    the_report->outcome = outcome;
    the_report->wall_microseconds = wall_now() / 1000;
    the_report->elapsed = elapsed() / 1000;
    if (text) snprintf(the_report->text, sizeof the_report->text, "%s", text);
    _exit(0);
}

_Noreturn void crash(const char *where) { world_end(world_crashed, where); }

_Noreturn void fail(const char *format, ...) {
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    world_end(world_failed, text);
}

// MARK: - Processes

void world_settle(char **arguments) {
    bool is_settled = getenv("SWIFT_DETERMINISTIC_HASHING") != NULL;
    int now = personality(0xFFFFFFFF);
    if (is_settled && (now == -1 || now & ADDR_NO_RANDOMIZE)) return;
    if (now != -1) personality((unsigned long)now | ADDR_NO_RANDOMIZE);
    // Where the system does not allow it, addresses differ from run to run; nothing that the world does depends on them.
    if (is_settled) return;
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1);
    // Once here, in place of once in the process of each life.
    setenv("LD_BIND_NOW", "1", 0);
    // Threads that run one at a time do not need memory of their own.
    setenv("MALLOC_ARENA_MAX", "1", 0);
    setenv("SWIFT_BACKTRACE", "enable=no", 0);
    execv("/proc/self/exe", arguments);
}

void world_settle_on_processor(int number) {
    cpu_set_t all, one;
    if (sched_getaffinity(0, sizeof all, &all) != 0) return;
    number %= CPU_COUNT(&all);
    for (int processor = 0; processor < CPU_SETSIZE; processor++) {
        if (!CPU_ISSET(processor, &all) || number-- > 0) continue;
        CPU_ZERO(&one);
        CPU_SET(processor, &one);
        sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

int world_fork(void) { return (int)fork(); }
_Noreturn void world_exit(int status) { _exit(status); }
void world_sleep(int64_t microseconds) { usleep((useconds_t)microseconds); }

static volatile sig_atomic_t awaited, is_overdue;

static void end_awaited(int number) {
    (void)number;
    is_overdue = 1;
    kill(awaited, SIGKILL);
}

int world_wait(int process, unsigned seconds_max) {
    struct sigaction action = {.sa_handler = end_awaited};
    sigaction(SIGALRM, &action, NULL);
    awaited = process;
    is_overdue = 0;
    alarm(seconds_max);
    int status = 0;
    pid_t ended;
    do ended = waitpid(process, &status, 0); while (ended < 0 && errno == EINTR);
    alarm(0);
    if (ended < 0) return -1;
    if (is_overdue) return -1000;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void *next_definition(const char *name, const char *version) {
    void *found = version ? dlvsym(RTLD_NEXT, name, version) : dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}
