/* Loaded into a Python, which calls main(). Blocking calls of all kinds, each on a thread of its own that checks every result: none may fail, come back early, or
 * with EINTR. What no tracer can help (epoll_wait, recv and sigtimedwait with a time limit) is not among them.
 *
 * Asked `a` it answers A when every thread has come round since; it ends with its input, with 0 or with 1 and what was
 * wrong on its standard error. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kMilliseconds = 20 };
static _Atomic int wrong;

static void check(const char *what, int good) {
  const int error = errno;
  if (!good && wrong++ < 100) fprintf(stderr, "blocking_calls: %s: %s\n", what, strerror(error));
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
static void nap(void) { usleep(kMilliseconds * 1000); }
static struct timespec in_a_while(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  t.tv_nsec += kMilliseconds * 1000000;
  if (t.tv_nsec >= 1000000000) t.tv_nsec -= 1000000000, ++t.tv_sec;
  return t;
}

/* Another thread does something after a while. */
struct later {
  void (*act)(void *);
  void *on;
  pthread_t thread;
};
static void *run_later(void *argument) {
  struct later *l = argument;
  nap();
  l->act(l->on);
  return NULL;
}
static void later(struct later *l, void (*act)(void *), void *on) {
  l->act = act;
  l->on = on;
  pthread_create(&l->thread, NULL, run_later, l);
}
static void done(struct later *l) { pthread_join(l->thread, NULL); }
static void send_byte(void *fd) { check("write", write(*(int *)fd, "x", 1) == 1); }
static void send_eight(void *fd) { check("eventfd_write", eventfd_write(*(int *)fd, 1) == 0); }
static void take_all(void *fd) {
  static __thread char bytes[1 << 20];
  check("drain", read(*(int *)fd, bytes, sizeof bytes) > 0);
}

/* With a time limit, which alone ends them. */
static void timed(const char *what, double began, int good) {
  check(what, good);
  errno = 0;
  check(what, now() - began >= kMilliseconds / 1e3 - 0.0005);
}
static const struct timespec kShort = {0, kMilliseconds * 1000000};
static void a_nanosleep(void) { double t = now(); timed("nanosleep", t, nanosleep(&kShort, NULL) == 0); }
static void a_clock_nanosleep(void) {
  double t = now();
  struct timespec end = in_a_while(CLOCK_MONOTONIC);
  timed("clock_nanosleep", t, clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == 0);
}
static void a_select(void) {
  double t = now();
  struct timeval limit = {0, kMilliseconds * 1000};
  timed("select", t, select(0, NULL, NULL, NULL, &limit) == 0);
}
static void a_pselect(void) { double t = now(); timed("pselect", t, pselect(0, NULL, NULL, NULL, &kShort, NULL) == 0); }
static void a_poll(void) { double t = now(); timed("poll", t, poll(NULL, 0, kMilliseconds) == 0); }
static void a_ppoll(void) { double t = now(); timed("ppoll", t, ppoll(NULL, 0, &kShort, NULL) == 0); }
static void a_futex(void) {
  int word = 5;
  double t = now();
  timed("futex", t, syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 5, &kShort, NULL, 0) == -1 && errno == ETIMEDOUT);
}
static void a_sem_timedwait(void) {
  sem_t s;
  sem_init(&s, 0, 0);
  double t = now();
  struct timespec end = in_a_while(CLOCK_REALTIME);
  timed("sem_timedwait", t, sem_timedwait(&s, &end) == -1 && errno == ETIMEDOUT);
}
static void a_cond_timedwait(void) {
  pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t c = PTHREAD_COND_INITIALIZER;
  double t = now();
  struct timespec end = in_a_while(CLOCK_REALTIME);
  pthread_mutex_lock(&m);
  timed("pthread_cond_timedwait", t, pthread_cond_timedwait(&c, &m, &end) == ETIMEDOUT);
}
static void a_timerfd(void) {
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  struct itimerspec in = {.it_value = kShort};
  unsigned long long times = 0;
  double t = now();
  timerfd_settime(fd, 0, &in, NULL);
  timed("read of a timerfd", t, read(fd, &times, 8) == 8 && times == 1);
  close(fd);
}

/* Without a limit: another thread ends them. */
static void a_pipe(void) {
  int ends[2];
  char byte;
  struct later l;
  check("pipe", pipe(ends) == 0);
  later(&l, send_byte, &ends[1]);
  check("read of a pipe", read(ends[0], &byte, 1) == 1);
  done(&l);
  close(ends[0]), close(ends[1]);
}
static void a_full_pipe(void) {
  static const char bytes[8192];
  int ends[2];
  struct later l;
  check("pipe", pipe(ends) == 0);
  fcntl(ends[1], F_SETPIPE_SZ, 4096);
  check("write", write(ends[1], bytes, 4096) == 4096);
  later(&l, take_all, &ends[0]);
  check("write to a full pipe", write(ends[1], bytes, 4096) == 4096);
  done(&l);
  close(ends[0]), close(ends[1]);
}
static void over_a_socket(const char *what, int (*wait)(int)) {
  int ends[2];
  struct later l;
  check("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  later(&l, send_byte, &ends[1]);
  check(what, wait(ends[0]));
  done(&l);
  close(ends[0]), close(ends[1]);
}
static int by_recv(int fd) { char c; return recv(fd, &c, 1, 0) == 1; }
static int by_recvmsg(int fd) {
  char c;
  struct iovec v = {&c, 1};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
  return recvmsg(fd, &m, 0) == 1;
}
static int by_poll(int fd) { struct pollfd p = {fd, POLLIN, 0}; return poll(&p, 1, -1) == 1; }
static int by_select(int fd) {
  fd_set s;
  FD_ZERO(&s);
  FD_SET(fd, &s);
  return select(fd + 1, &s, NULL, NULL, NULL) == 1;
}
static int by_epoll(int fd) {
  struct epoll_event e = {.events = EPOLLIN}, got;
  int epoll = epoll_create1(0);
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
  int n = epoll_wait(epoll, &got, 1, -1);
  const int error = errno;
  close(epoll);
  errno = error;
  return n == 1;
}
static void a_recv(void) { over_a_socket("recv", by_recv); }
static void a_recvmsg(void) { over_a_socket("recvmsg", by_recvmsg); }
static void a_poll_without_limit(void) { over_a_socket("poll without limit", by_poll); }
static void a_select_without_limit(void) { over_a_socket("select without limit", by_select); }
static void an_epoll_wait(void) { over_a_socket("epoll_wait", by_epoll); }
static void connect_to(void *address) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  check("connect", connect(fd, address, sizeof(sa_family_t) + 32) == 0);
  close(fd);
}
static void an_accept(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  static int number; /* a child made meanwhile has the last one open */
  snprintf(address.sun_path + 1, 30, "heapglass-%d-%d", getpid(), ++number);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  struct later l;
  check("bind", bind(fd, (void *)&address, sizeof(sa_family_t) + 32) == 0 && listen(fd, 5) == 0);
  later(&l, connect_to, &address);
  int got = accept(fd, NULL, NULL);
  check("accept", got >= 0);
  done(&l);
  close(got), close(fd);
}
static void an_eventfd(void) {
  int fd = eventfd(0, EFD_CLOEXEC);
  eventfd_t n = 0;
  struct later l;
  later(&l, send_eight, &fd);
  check("read of an eventfd", eventfd_read(fd, &n) == 0 && n == 1);
  done(&l);
  close(fd);
}
static void post(void *s) { sem_post(s); }
static void a_sem_wait(void) {
  sem_t s;
  struct later l;
  sem_init(&s, 0, 0);
  later(&l, post, &s);
  check("sem_wait", sem_wait(&s) == 0);
  done(&l);
}
static void nothing(void *unused) { (void)unused; }
static void a_join(void) {
  struct later l;
  later(&l, nothing, NULL);
  check("pthread_join", pthread_join(l.thread, NULL) == 0);
}
static void a_waitpid(void) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    nap();
    _exit(7);
  }
  check("waitpid", waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
}
static void unlock(void *fd) { flock(*(int *)fd, LOCK_UN); }
static void a_flock(void) {
  char name[] = "/tmp/heapglass-test-XXXXXX";
  int one = mkstemp(name), other = open(name, O_RDWR);
  unlink(name);
  struct later l;
  flock(one, LOCK_EX);
  later(&l, unlock, &one);
  check("flock", flock(other, LOCK_EX) == 0);
  done(&l);
  close(one), close(other);
}
static void signal_to(void *thread) { pthread_kill(*(pthread_t *)thread, SIGUSR1); }
static void a_sigwait(void) {
  pthread_t self = pthread_self();
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGUSR1);
  struct later l;
  later(&l, signal_to, &self);
  check("sigwaitinfo", sigwaitinfo(&set, NULL) == SIGUSR1);
  done(&l);
}

static void (*const kCalls[])(void) = {
    a_nanosleep, a_clock_nanosleep, a_select, a_pselect, a_poll, a_ppoll, a_futex, a_sem_timedwait,
    a_cond_timedwait, a_timerfd, a_pipe, a_full_pipe, a_recv, a_recvmsg, a_poll_without_limit,
    a_select_without_limit, an_epoll_wait, an_accept, an_eventfd, a_sem_wait, a_join, a_waitpid, a_flock, a_sigwait};
enum { kCount = sizeof kCalls / sizeof *kCalls };
static _Atomic long rounds[kCount];

static void *repeat(void *number) {
  for (const long n = (long)number;; ++rounds[n]) kCalls[n]();
  return NULL;
}

int main(void) {
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  for (long n = 0; n < kCount; ++n) {
    pthread_t thread;
    pthread_create(&thread, NULL, repeat, (void *)n);
  }
  check("write", write(1, "READY\n", 6) == 6);
  for (char question; read(0, &question, 1) == 1;) {
    const double until = now() + 60;
    int still = 0;
    for (int n = 0; n < kCount; ++n) {
      const long before = rounds[n];
      while (rounds[n] == before && now() < until) usleep(2000);
      still |= rounds[n] == before;
    }
    check("a thread stands still", !still);
    check("write", write(1, still ? "?" : "A", 1) == 1);
  }
  _exit(wrong ? 1 : 0);
}
