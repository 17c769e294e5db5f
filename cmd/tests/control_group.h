// A control group of a test's own.
#pragma once

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "cmd/tests/proc_status.h"

namespace heapglass {

class ControlGroup {
 public:
  // `controller` of version 1; empty: version 2. `control` is the file without which the group is of no use;
  // `inner` makes a second group within the first, and add() puts processes into that.
  ControlGroup(const std::string& controller, const std::string& control, bool inner = false) {
    const std::string mount = mount_point(controller);
    if (mount.empty()) {
      why_not_ = controller.empty() ? "no control groups of version 2"
                                    : "no " + controller + " of version 1 is mounted";
      return;
    }
    path_ = mount + "/heapglass-test-" + std::to_string(getpid()) + "-" + std::to_string(++count());
    inner_ = inner ? path_ + "/inner" : path_;
    std::error_code error;
    std::filesystem::create_directories(inner_, error);
    if (error || !std::filesystem::exists(file(control)))
      why_not_ =
          "no group with a " + control + " can be made in " + mount + (error ? ": " + error.message() : "");
  }
  ~ControlGroup() {
    if (path_.empty()) return;
    std::error_code ignored;
    for (int i = 0; i < 200; ++i) {  // until what was in it has gone
      std::filesystem::remove(inner_, ignored);
      std::filesystem::remove(path_, ignored);
      if (!std::filesystem::exists(path_)) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;

  const std::string& why_not() const { return why_not_; }  // empty: it is there
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string members_file() const { return inner_ + "/cgroup.procs"; }
  bool add(pid_t pid) const { return static_cast<bool>(std::ofstream(members_file()) << pid << std::flush); }
  bool set(const std::string& name, const std::string& value) const {
    return static_cast<bool>(std::ofstream(file(name)) << value << std::flush);
  }
  std::string get(const std::string& name) const { return file_text(file(name)); }

 private:
  static int& count() {
    static int groups = 0;
    return groups;
  }
  static std::string mount_point(const std::string& controller) {
    std::istringstream lines(file_text("/proc/self/mounts"));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string source, place, type, options;
      words >> source >> place >> type >> options;
      const bool has = ("," + options + ",").find("," + controller + ",") != std::string::npos;
      if (controller.empty() ? type == "cgroup2" : type == "cgroup" && has) return place;
    }
    return "";
  }

  std::string path_, inner_, why_not_;
};

}  // namespace heapglass
