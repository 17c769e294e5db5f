// Files and folders that are being made, where a signal handler finds them: whatever ends the program,
// nothing half-written is left. SIGKILL alone leaves it; remove_abandoned() is for that.
#pragma once

#include <string>

namespace heapglass {

// One that is about to be made under a name of unfinished_name(); forgotten with this. A folder is removed
// after the files in it, which are remembered too.
class Unfinished {
 public:
  enum class What { kFile, kFolder };
  Unfinished() = default;
  explicit Unfinished(const std::string& path, What what = What::kFile);
  ~Unfinished() { forget(); }
  Unfinished(Unfinished&& other) noexcept;
  Unfinished& operator=(Unfinished&& other) noexcept;

  // It is there, or could not be made.
  void made();
  void forget();

 private:
  int slot_ = -1;
};

// ".heapglass-" and 16 hexadecimal digits that nobody can guess. Throws Error kFile.
std::string unfinished_name();
// Holds a lock on the file or folder for as long as a descriptor of it is open, which tells that its run is
// alive. False: another run has just removed it as abandoned.
bool lock_unfinished(int fd);
// Removes what killed runs of this user left in the folder: what has such a name and is locked by nobody.
void remove_abandoned(int folder) noexcept;

// Only the removing, for handlers: async-signal-safe.
void remove_unfinished_files() noexcept;

// Every signal that would end the program removes the unfinished files first; the exit code is 128 and the
// signal's number. A closed pipe and a file that may not grow stay errors of the write. What was ignored
// stays so, SIGINT apart. In a child: of its own files, and it has none yet.
void end_cleanly_on_signals();
// What such a signal does, for a handler of another: async-signal-safe.
[[noreturn]] void end_by_signal(int signal) noexcept;

}  // namespace heapglass
