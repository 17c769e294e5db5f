// Waits in the kernel for something of the target's that may never come: a page that a process of its own has
// to provide (userfaultfd, a file system in user space), its memory map while another thread changes that.
// The kernel lets nothing but the end of the process end them.
#pragma once

#include <array>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace heapglass {

// While one lives the calling thread waits, or may: a word in a table, which a WaitWatch reads. Costs some
// ns.
class WaitLimit {
 public:
  enum Kind : unsigned char { kRead, kFind, kKinds };
  explicit WaitLimit(Kind kind);
  ~WaitLimit();
  WaitLimit(const WaitLimit&) = delete;
  WaitLimit& operator=(const WaitLimit&) = delete;

 private:
  unsigned slot_;
};

// Calls `on_late` from a thread of its own, once, with what took how long, where a WaitLimit lives longer
// than is right for its kind: 5 s for a read of memory or of /proc, which takes milliseconds; two minutes for
// finding the interpreter in the target's files. `on_late` is to end the process.
class WaitWatch {
 public:
  explicit WaitWatch(std::function<void(const std::string& what)> on_late);
  ~WaitWatch();
  WaitWatch(const WaitWatch&) = delete;
  WaitWatch& operator=(const WaitWatch&) = delete;

 private:
  void watch(const std::function<void(const std::string&)>& on_late);

  std::mutex mutex_;
  std::condition_variable ends_;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace heapglass
