#include "lib/base/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

namespace heapglass {

unsigned worker_count() {
  static const unsigned count = [] {
    if (const char* asked = std::getenv("HEAPGLASS_THREADS")) {
      const long n = std::strtol(asked, nullptr, 10);
      if (n >= 1 && n <= 256) return static_cast<unsigned>(n);
    }
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
      return static_cast<unsigned>(std::clamp(CPU_COUNT(&allowed), 1, 64));
    return std::clamp(std::thread::hardware_concurrency(), 1u, 64u);
  }();
  return count;
}

void on_each_worker(const std::function<void(unsigned)>& body) {
  std::exception_ptr failure;
  std::mutex mutex;
  auto guarded = [&](unsigned worker) {
    try {
      body(worker);
    } catch (...) {
      std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(worker_count());
  unsigned started = 1;
  try {
    for (; started < worker_count(); ++started) threads.emplace_back(guarded, started);
  } catch (const std::system_error&) {  // too little memory for a stack, or too many tasks: it takes longer
  } catch (const std::bad_alloc&) {     // the same; those that run must be waited for
  }
  guarded(0);
  for (unsigned worker = started; worker < worker_count(); ++worker) guarded(worker);
  for (std::thread& t : threads) t.join();
  if (failure) std::rethrow_exception(failure);
}

void parallel_for(std::size_t n, const std::function<void(std::size_t, unsigned)>& body) {
  std::atomic<std::size_t> next{0};
  auto drain = [&](unsigned worker) {
    for (std::size_t i; (i = next.fetch_add(1)) < n;) body(i, worker);
  };
  if (n <= 1) return drain(0);
  on_each_worker(drain);
}

void at_once(std::initializer_list<std::function<void()>> tasks) {
  parallel_for(tasks.size(), [&](std::size_t i, unsigned) { tasks.begin()[i](); });
}

}  // namespace heapglass
