// Which lines a process was on while its memory grew: its threads are looked at again and again while they
// run, and what the process has more is put to the lines that they are on when that is seen.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/open/open_heap.h"
#include "lib/python/running_frames.h"
#include "platform/process/process.h"

namespace heapglass {

struct LineUse {
  std::string file, function;
  int line = 0;
  std::uint64_t samples = 0, cumulative_samples = 0;  // on it, and on it or in what it called
  double growth = 0, cumulative_growth = 0;           // bytes
};

class LineSamples {
 public:
  explicit LineSamples(pid_t pid);
  ~LineSamples();
  LineSamples(const LineSamples&) = delete;
  LineSamples& operator=(const LineSamples&) = delete;

  // Looks once, in a few microseconds where nothing grew; `python` is that of a heap of the process.
  // False: the process is gone.
  bool take(const PyRuntime& python);
  // Gives names to what was seen since the last time, from a capture that has the code objects.
  void name(const Heap& heap);

  const std::map<std::pair<std::string, int>, LineUse>& lines() const { return lines_; }
  double resident_bytes() const;  // at the last look
  std::uint64_t samples() const { return samples_; }
  std::uint64_t torn() const { return torn_; }            // thread looks that were thrown away
  double growth() const { return growth_; }               // of RSS between the first and the last look
  double growth_unseen() const { return unseen_; }        // while it was not looked at for too long
  double growth_elsewhere() const { return elsewhere_; }  // while no thread was running Python

 private:
  using Stack = std::vector<RunningFrame>;
  struct Seen {
    std::uint64_t samples = 0;
    double growth = 0;
  };
  std::size_t place_of_stack(const Stack& stack);
  bool is_on_processor(const RunningThread& thread) const;
  std::uint64_t resident_pages() const;
  void grow(const std::vector<Stack>& at, double bytes);

  const Process process_;
  int statm_ = -1;
  std::unordered_map<std::uint64_t, std::uint64_t> native_of_;  // by pthread_t, where the version tells no id
  std::vector<Stack> before_;                                   // of the last look
  std::uint64_t pages_before_ = 0;
  std::chrono::steady_clock::time_point looked_{}, polled_{};
  std::vector<std::pair<Stack, Seen>> unnamed_;
  std::map<std::vector<std::pair<std::uint64_t, std::int64_t>>, std::size_t> unnamed_at_;
  std::map<std::pair<std::string, int>, LineUse> lines_;
  std::uint64_t samples_ = 0, torn_ = 0;
  double growth_ = 0, elsewhere_ = 0, unseen_ = 0;
};

}  // namespace heapglass
