// Work on all cores.
#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>

namespace heapglass {

// Threads worth starting here: the processors this process may run on, or HEAPGLASS_THREADS.
unsigned worker_count();

// Calls body(i, worker) for every i below n, on worker_count() threads, small i first; worker <
// worker_count(). The first exception that a body throws comes out here when all have ended.
void parallel_for(std::size_t n, const std::function<void(std::size_t, unsigned)>& body);

// Calls each of these, on as many threads: the first ones first. Exceptions as of parallel_for.
void at_once(std::initializer_list<std::function<void()>> tasks);

// Calls body(worker) once on each of worker_count() threads.
void on_each_worker(const std::function<void(unsigned)>& body);

}  // namespace heapglass
