// Samples in the background, for a screen that stays usable meanwhile: of one process, or the list of the
// Python processes. One thread of its own does all of it, one thing at a time.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/open/process_selection.h"
#include "lib/open/python_processes.h"
#include "lib/sample/sampler.h"

namespace heapglass {

struct Pace {
  std::chrono::milliseconds interval{1000};  // between the beginnings of two samples, at least
  double share = 0;         // of one processor, that samples may take over time; 0: whatever they take
  ProcessSelection listed;  // of the list of processes: these, where any are given
};

// Of the target, as of the last sample; everything is shared and never changed.
struct LiveSamples {
  std::string target;  // as it was given to watch(); empty: the list of processes
  std::shared_ptr<const Sample> first, before, latest;
  std::shared_ptr<const Sample> first_with_owners, before_with_owners;
  std::shared_ptr<const Sample> latest_bill;  // the last sample that has the memory accounting
  std::uint64_t count = 0;
  double longest_pause_ms = 0, every = 0;  // milliseconds; seconds between the last two
  std::chrono::steady_clock::time_point taken{};
  std::string failure;  // why the last try gave none; the target is still there
  std::string ended;    // the target is gone, or was never one that can be sampled
  bool never = false;   // ended before the first sample: `ended` is an Error's text
  std::string hint;     // of that Error
  int kind = 0;         // of that Error: the exit code
  std::shared_ptr<const PythonProcesses> processes;  // of the list
};

// Asked of one capture of its own, with references, beside the samples.
struct Question {
  std::string target;
  std::function<std::vector<std::string>(const Heap&)> ask;
  bool references = true;
};

struct Answered {
  std::vector<std::string> lines;
  std::string failure;  // why there are none
};

class LiveSampler {
 public:
  // `changed` is called from the thread after each of its steps.
  LiveSampler(CommonOptions common, Pace pace, std::function<void()> changed);
  // Waits for the step that is under way, so that no target stays stopped; for a few seconds at most.
  ~LiveSampler();
  LiveSampler(const LiveSampler&) = delete;
  LiveSampler& operator=(const LiveSampler&) = delete;

  // Samples this target from now on; "": the list of processes.
  void watch(const std::string& target);
  void pause(bool paused);
  void with_owners(bool owners);
  // Before this process is stopped (Ctrl-Z): waits for the step that is under way, so that no target is
  // stopped with it, for a few seconds at most; and goes on afterwards.
  void suspend();
  void resume();
  // One at a time; a question that was asked before and has no answer yet is dropped.
  void ask(Question question);
  void drop_question();

  LiveSamples samples() const;
  // Of the last question, once.
  std::optional<Answered> take_answer();

 private:
  struct Shared;  // with the thread, which may outlive this by a step that does not end
  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

// The RSS of a process, read without a capture, as often as one likes.
class ResidentMeter {
 public:
  explicit ResidentMeter(pid_t pid);
  ~ResidentMeter();
  ResidentMeter(const ResidentMeter&) = delete;
  ResidentMeter& operator=(const ResidentMeter&) = delete;
  // Bytes. None: the process is gone, even where another one has its number now.
  std::optional<std::uint64_t> read() const;

 private:
  int fd_ = -1;
};

}  // namespace heapglass
