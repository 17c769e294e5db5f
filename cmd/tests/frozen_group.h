// A control group of a test's own whose processes can be kept from running.
#pragma once

#include "cmd/tests/control_group.h"

namespace heapglass {

class FrozenGroup {
 public:
  enum class Kind { kFirstVersion, kSecondVersion, kAbove };  // of version 2: the group itself, one above it

  explicit FrozenGroup(Kind kind)
      : first_version_(kind == Kind::kFirstVersion),
        group_(first_version_ ? "freezer" : "", control(), kind == Kind::kAbove) {}
  ~FrozenGroup() {
    if (group_.why_not().empty()) thaw();
  }

  const std::string& why_not() const { return group_.why_not(); }  // empty: it is there
  bool add(pid_t pid) const { return group_.add(pid); }
  // Comes back when all of it stands.
  bool freeze() const {
    set(first_version_ ? "FROZEN" : "1");
    for (int i = 0; i < 500 && !frozen(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return frozen();
  }
  void thaw() const { set(first_version_ ? "THAWED" : "0"); }
  void set(const std::string& state) const { group_.set(control(), state); }
  bool frozen() const {
    return first_version_ ? group_.get("freezer.state").rfind("FROZEN", 0) == 0
                          : group_.get("cgroup.events").find("frozen 1") != std::string::npos;
  }

 private:
  std::string control() const { return first_version_ ? "freezer.state" : "cgroup.freeze"; }

  const bool first_version_;
  ControlGroup group_;
};

}  // namespace heapglass
