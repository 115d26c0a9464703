// The threads of the world.
#pragma once
#include "world.h"

enum { tasks_max = 64 };
enum { task_gone, task_runnable, task_waiting, task_ended };

typedef struct {
    int state;
    // Its turn, and nobody else's, while it is 1.
    uint32_t turn;
    const void *awaited;
    int64_t deadline;
    bool timed_out;
    uint64_t priority;
    pthread_t handle;
    void *(*body)(void *);
    void *argument;
    int rounds, calm;
} task;

task *task_create(void);
// On the new thread: waits for its first turn.
void task_begin(task *task);
// On the thread that ends: the last thing that it does.
void task_end(void);
task *task_of(pthread_t handle);

void disk_begin(const char *folder);
size_t journal_room(void);
