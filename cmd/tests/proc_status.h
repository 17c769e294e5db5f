// What /proc tells of a process that a test looks into.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>

namespace heapglass {

inline std::string file_text(const std::string& path) {
  // What is gone in the middle of it is what was read so far: an inserter does not throw.
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// A line of /proc/PROCESS/status without its name, "" where there is none.
inline std::string status_line(const std::string& process, const std::string& name) {
  std::istringstream lines(file_text("/proc/" + process + "/status"));
  for (std::string line; std::getline(lines, line);)
    if (line.rfind(name + ":\t", 0) == 0) return line.substr(name.size() + 2);
  return "";
}
inline std::string status_line(pid_t pid, const std::string& name) {
  return status_line(std::to_string(pid), name);
}

// Children of a process that have ended, and that it does not ask after within a second: one that forks
// itself has others in passing.
inline int zombies_of(pid_t pid) {
  std::set<std::string> lasting;
  for (int look = 0; look == 0 || (look < 20 && !lasting.empty()); ++look) {
    if (look != 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    std::set<std::string> ended;
    for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
      std::istringstream children(file_text(thread.path().string() + "/children"));
      for (std::string child; children >> child;)
        if (status_line(child, "State").rfind("Z", 0) == 0 && (look == 0 || lasting.count(child)))
          ended.insert(child);
    }
    lasting.swap(ended);
  }
  return static_cast<int>(lasting.size());
}

}  // namespace heapglass
