// A process of ours that keeps the right to write when this one gives it up: who reads a hostile heap needs
// only descriptors, but a file appears by a rename, made with the caller's rights. It is told what may be
// asked for, file by file, before anything hostile is read; then it waits, and takes no name and no path from
// us, only "open the third of them". When we end, whatever the way, it removes what is not finished, and
// ends.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/render/output.h"

namespace heapglass {

class OutputKeeper {
 public:
  using Deed = std::function<void()>;

  // A path that Output may be asked for, and what a new file there gets at most, whatever it is asked for.
  struct File {
    File(std::string at, FileMode mode = {}) : path(std::move(at)), most(mode) {}
    std::string path;
    FileMode most;
  };
  struct Agreement {
    std::vector<File> files;
    // What else takes rights, as to remove older files. They run over there, see the memory as it was at
    // start(), and may throw Error.
    std::vector<Deed> deeds;
    Deed at_end;  // when we have ended: removes what deeds left unfinished
  };
  // Makes the process; once, and while no thread of ours holds a lock that a fork would leave locked. Throws
  // Error kFile.
  static void start(const Agreement& agreed);
  // Null before start().
  static OutputKeeper* active();

  // Has the deed of that number done. Throws what it throws.
  void perform(std::size_t deed);

  // For Output. -1: nothing was agreed of such a path.
  int place_of(const std::string& path) const;
  // Opens as Output does; the descriptor is the caller's. Throws Error kFile.
  int open(int place, FileMode mode);
  void commit(int place);
  // Removes what was opened there and not committed.
  void abandon(int place) noexcept;

  // Removes all of that, and is gone when this returns, unless that takes it more than a second. Before we
  // end; async-signal-safe.
  void end() noexcept;

  OutputKeeper(const OutputKeeper&) = delete;
  OutputKeeper& operator=(const OutputKeeper&) = delete;

 private:
  OutputKeeper(pid_t pid, int socket, std::vector<File> files);
  int ask(int what, std::size_t which, FileMode mode, const std::string& name);

  pid_t pid_;
  int socket_;
  std::vector<File> files_;
};

}  // namespace heapglass
