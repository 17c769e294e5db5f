/* Loaded into pause_heap.py and into scripts/bench_pause.py, to measure without Python in the way. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct range {
  uint64_t start, size;
};

static long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void come_first(int priority) {
  struct sched_param p = {.sched_priority = priority};
  pthread_setschedparam(pthread_self(), SCHED_FIFO, &p); /* where that is permitted */
}

/* The clock: wakes up every 50 us, before all else that wants to run, and keeps when it did not for longer than that. That of
 * a bystander has the priority of everybody, and a busy one never sleeps. */
enum { KEPT = 1 << 16 };
static const long noticed = 200000; /* ns */
static struct range gaps[KEPT];
static _Atomic size_t gap_count;

enum clock_kind { FIRST, ORDINARY, BUSY };

static void *tick(void *kind) {
  if (*(enum clock_kind *)kind == FIRST) come_first(50);
  for (long last = now();;) {
    struct timespec nap = {0, 50000};
    if (*(enum clock_kind *)kind != BUSY) nanosleep(&nap, NULL);
    const long here = now();
    const size_t n = atomic_load(&gap_count);
    if (here - last > noticed && n < KEPT) {
      gaps[n].start = last, gaps[n].size = here - last;
      atomic_store(&gap_count, n + 1);
    }
    last = here;
  }
  return NULL;
}

void start_clock(int kind) {
  static enum clock_kind its;
  its = kind;
  pthread_t thread;
  pthread_create(&thread, NULL, tick, &its);
}

/* The gaps since it was last asked: when they began, by CLOCK_MONOTONIC, and how long they were, in ns. */
size_t take_gaps(struct range *to) {
  const size_t n = atomic_exchange(&gap_count, 0);
  for (size_t i = 0; i < n; ++i) to[i] = gaps[i];
  return n;
}

/* The writer: touches pages all over, at random, as fast as it can. It changes nothing: or with 0. */
static struct range *written;
static size_t written_count;
static _Atomic long writes;

static void *write_on(void *unused) {
  (void)unused;
  uint64_t total = 0, x = 88172645463325252u;
  for (size_t i = 0; i < written_count; ++i) total += written[i].size;
  for (;;) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    uint64_t at = x % total;
    size_t i = 0;
    while (at >= written[i].size) at -= written[i++].size;
    atomic_fetch_or((_Atomic uint64_t *)((written[i].start + at) & ~7ul), 0);
    atomic_fetch_add_explicit(&writes, 1, memory_order_relaxed);
  }
  return NULL;
}

void start_writer(const struct range *ranges, size_t count) {
  written = malloc(count * sizeof *ranges);
  for (size_t i = 0; i < count; ++i) written[i] = ranges[i];
  written_count = count;
  pthread_t thread;
  pthread_create(&thread, NULL, write_on, NULL);
}

/* A child of its own making, gone again: ns that fork() took. */
long fork_once(void) {
  const long before = now();
  const pid_t child = fork();
  if (child == 0) _exit(0);
  const long took = now() - before;
  waitpid(child, NULL, 0);
  return took;
}

long writes_so_far(void) { return atomic_load(&writes); }

/* The bare reading that heapglass is compared with: these bytes, 1 MB at a time, into memory that is there, on two
 * threads that come first. */
struct job {
  int pid;
  const struct range *ranges;
  size_t count;
  uint64_t from, to; /* of all bytes */
  char *buffer;
  pthread_barrier_t *barrier;
};

static void *read_half(void *argument) {
  struct job *job = argument;
  come_first(1);
  pthread_barrier_wait(job->barrier);
  uint64_t at = 0;
  for (size_t i = 0; i < job->count; ++i) {
    for (uint64_t done = 0; done < job->ranges[i].size; done += 1 << 20) {
      uint64_t size = job->ranges[i].size - done;
      if (size > 1 << 20) size = 1 << 20;
      const uint64_t here = at + done;
      if (here < job->from || here >= job->to) continue;
      struct iovec local = {job->buffer + here, size}, remote = {(void *)(job->ranges[i].start + done), size};
      if (process_vm_readv(job->pid, &local, 1, &remote, 1, 0) < 0) return (void *)1;
    }
    at += job->ranges[i].size;
  }
  return NULL;
}

static char *buffer;

void make_buffer(uint64_t size) {
  const uint64_t huge = 2 << 20;
  char *all = mmap(NULL, size + 2 * huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  buffer = (char *)(((uint64_t)all + huge - 1) / huge * huge);
  madvise(buffer, size + huge, MADV_HUGEPAGE);
  for (uint64_t at = 0; at < size; at += 4096) buffer[at] = 1;
}

/* ns, or -1. */
long bare_read(int pid, const struct range *ranges, size_t count) {
  uint64_t total = 0;
  for (size_t i = 0; i < count; ++i) total += ranges[i].size;
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, 3);
  struct job halves[2];
  pthread_t threads[2];
  for (int i = 0; i < 2; ++i) {
    halves[i] = (struct job){pid, ranges, count, i ? total / 2 : 0, i ? total : total / 2, buffer, &barrier};
    pthread_create(&threads[i], NULL, read_half, &halves[i]);
  }
  const long began = now();
  pthread_barrier_wait(&barrier);
  int failed = 0;
  for (int i = 0; i < 2; ++i) {
    void *result = NULL;
    pthread_join(threads[i], &result);
    failed |= result != NULL;
  }
  return failed ? -1 : now() - began;
}
