// A control group of a test's own whose processes can be kept from running.
#pragma once

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "cmd/proc_status.h"

namespace heapglass {

class FrozenGroup {
 public:
  enum class Kind { kFirstVersion, kSecondVersion, kAbove };  // of version 2: the group itself, one above it

  explicit FrozenGroup(Kind kind) : first_version_(kind == Kind::kFirstVersion) {
    const std::string mount = mount_point();
    if (mount.empty()) {
      why_not_ = first_version_ ? "no freezer of version 1 is mounted" : "no control groups of version 2";
      return;
    }
    outer_ = mount + "/heapglass-test-" + std::to_string(getpid()) + "-" + std::to_string(++count());
    inner_ = kind == Kind::kAbove ? outer_ + "/inner" : outer_;
    std::error_code error;
    std::filesystem::create_directories(inner_, error);
    if (error || !std::filesystem::exists(outer_ + control()))
      why_not_ = "no group can be made in " + mount + (error ? ": " + error.message() : "");
  }
  ~FrozenGroup() {
    if (outer_.empty()) return;
    thaw();
    std::error_code ignored;
    for (int i = 0; i < 200; ++i) {  // until what was in it has gone
      std::filesystem::remove(inner_, ignored);
      std::filesystem::remove(outer_, ignored);
      if (!std::filesystem::exists(outer_)) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  FrozenGroup(const FrozenGroup&) = delete;
  FrozenGroup& operator=(const FrozenGroup&) = delete;

  const std::string& why_not() const { return why_not_; }  // empty: it is there
  bool add(pid_t pid) const {
    return static_cast<bool>(std::ofstream(inner_ + "/cgroup.procs") << pid << std::flush);
  }
  // Comes back when all of it stands.
  bool freeze() const {
    set(first_version_ ? "FROZEN" : "1");
    for (int i = 0; i < 500 && !frozen(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return frozen();
  }
  void thaw() const { set(first_version_ ? "THAWED" : "0"); }
  void set(const std::string& state) const { std::ofstream(outer_ + control()) << state << std::flush; }
  bool frozen() const {
    return first_version_ ? file_text(outer_ + "/freezer.state").rfind("FROZEN", 0) == 0
                          : file_text(outer_ + "/cgroup.events").find("frozen 1") != std::string::npos;
  }

 private:
  static int& count() {
    static int groups = 0;
    return groups;
  }
  std::string control() const { return first_version_ ? "/freezer.state" : "/cgroup.freeze"; }
  std::string mount_point() const {
    std::istringstream lines(file_text("/proc/self/mounts"));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string source, place, type, options;
      words >> source >> place >> type >> options;
      const bool freezer = ("," + options + ",").find(",freezer,") != std::string::npos;
      if (first_version_ ? type == "cgroup" && freezer : type == "cgroup2") return place;
    }
    return "";
  }

  const bool first_version_;
  std::string outer_, inner_, why_not_;
};

}  // namespace heapglass
