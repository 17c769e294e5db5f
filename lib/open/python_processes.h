// The processes of this machine that run a Python, without stopping or changing any: for `ps`, for @NAME, and
// for the hint of a refusal.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace heapglass {

struct PythonProcess {
  pid_t pid = 0, parent = 0;
  std::string user;
  std::string python;                       // "CPython 3.12.1", "CPython 3.13.0 (debug)", "PyPy"
  std::string cannot;                       // why heapglass does not read it; empty: it does
  std::string program;                      // the file that has the interpreter, as the process sees it
  std::string command;                      // arguments joined by spaces
  std::uint64_t rss = 0, proportional = 0;  // bytes; of the second 0: not known
  std::uint64_t threads = 0;
  double age = 0;         // seconds
  std::string state;      // "running", "sleeping", "stopped", "frozen" ...
  std::string container;  // the first 12 digits of its id; empty: none
};

struct PythonProcesses {
  std::vector<PythonProcess> found;                    // by pid
  std::uint64_t looked_at = 0;                         // processes in all
  std::uint64_t not_permitted = 0;                     // those whose memory may not be read
  std::vector<std::pair<pid_t, std::string>> refused;  // these, and why
  std::vector<pid_t> unanswered;  // those of which the kernel told nothing within a second
};

struct ProcessChoice {
  bool sharing = false;     // also Pss, which takes 10 ms a GB
  std::vector<pid_t> only;  // empty: all
};
PythonProcesses python_processes(const ProcessChoice& choice = {});

// Of every process of this machine, Python or not: by pid, and each one's parent.
std::vector<pid_t> all_pids();
std::map<pid_t, pid_t> parents_of_processes();

// The only process whose command or container NAME stands for: a part of the command line, or the beginning
// of a container's id of at least 4 digits. Processes that heapglass cannot read, and heapglass itself, do
// not count. Throws Error kUsage that lists them where there is not exactly one.
pid_t process_named(const std::string& name);

// "its child 4712 (python3 app.py) runs CPython 3.11.7", of the nearest descendants and ancestors of a
// process that runs none that heapglass reads: launchers and shells. Empty: there is none.
std::string python_relatives(pid_t pid);

}  // namespace heapglass
