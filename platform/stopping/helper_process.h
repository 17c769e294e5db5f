// A small process of ours for what must not be left half done: it goes on when we are killed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <span>

#include "platform/process/process.h"

namespace heapglass {

// Between us and the helper. Whatever goes wrong on it means that the other is no longer there.
class Channel {
 public:
  explicit Channel(FileDescriptor socket) : socket_(std::move(socket)) {}
  bool send(std::span<const std::byte> bytes) const;
  // All of them, waiting for them no longer than that.
  bool receive(std::span<std::byte> bytes, std::chrono::milliseconds within = kAnswersWithin) const;
  bool send_descriptor(int descriptor) const;
  FileDescriptor receive_descriptor() const;  // invalid where there is none
  // Whether something came, or the other went, within that time.
  bool wait(std::chrono::milliseconds time) const;

  // Longer than any wait of a helper for the process that it holds.
  static constexpr std::chrono::seconds kAnswersWithin{60};

 private:
  FileDescriptor socket_;
};

// Signals are blocked in it, it has a session of its own, memory that stays where it is, the lowest
// oom_score_adj and the first turn on the processor, each as far as it is permitted. It makes no copy of what
// is mapped with MADV_DONTFORK. Its end, whatever way it comes about, lets go what it traces.
//
// SIGTERM and the end of the process that made it ask it to end: asked_to_end() is true from then on, each of
// its waits ends, and it has kEndsWithin for leaving everything as it was. Then the kernel ends it, also in a
// wait of its own.
class HelperProcess {
 public:
  // Runs `work` in the helper, which then ends. Throws Error kUnreachable where there can be no helper.
  explicit HelperProcess(const std::function<void(Channel&)>& work);
  ~HelperProcess() { end(); }
  // Hangs up and waits for its end; kills it where that does not come.
  void end();
  // In the helper; false anywhere else.
  static bool asked_to_end();
  static constexpr std::chrono::seconds kEndsWithin{6};
  HelperProcess(const HelperProcess&) = delete;
  HelperProcess& operator=(const HelperProcess&) = delete;
  const Channel& channel() const { return channel_; }
  pid_t pid() const { return pid_; }

 private:
  Channel channel_;
  pid_t pid_ = -1;
};

}  // namespace heapglass
