// Waiting for many things at once without polling any.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "platform/files/file_descriptor.h"

namespace heapglass {

// Descriptors, each with a number by which its owner knows it.
class WakeUps {
 public:
  WakeUps();  // throws Error kUnreachable
  // Until it is readable; `urgent`: until it has POLLPRI, as PSI has. False: the kernel cannot wait for it.
  bool add(int fd, std::uint64_t token, bool urgent = false);
  void remove(int fd);
  // The tokens of those that have something, at most a few; none after `most`.
  std::vector<std::uint64_t> wait(std::chrono::milliseconds most);

 private:
  FileDescriptor epoll_;
};

// Empties an eventfd.
void drain_event(int fd);

// Changes of files and folders, by inotify(7).
class FileChanges {
 public:
  FileChanges();  // throws Error kUnreachable
  int descriptor() const { return inotify_.get(); }
  // A number for what is written to a file, or for what is made in and removed from a folder; -1: there is
  // none.
  int watch_content(const std::string& file);
  int watch_folder(const std::string& folder);
  void forget(int watch);
  // The numbers of what has changed since the last call; -1 where some were lost.
  std::set<int> take();

 private:
  FileDescriptor inotify_;
};

// Signals that are waited for like a descriptor rather than handled: SIGTERM, SIGINT, SIGHUP. For the rest of
// the process' life.
class SignalsAsEvents {
 public:
  SignalsAsEvents();
  int descriptor() const { return fd_.get(); }
  int take();  // the number of one that came; 0: none

 private:
  FileDescriptor fd_;
};

std::chrono::milliseconds time_since_boot();  // CLOCK_BOOTTIME: goes on in suspend, and never back
std::string boot_id();

}  // namespace heapglass
