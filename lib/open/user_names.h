// Users by number and name, as /etc/passwd of this host has them: a container's own names are not asked.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace heapglass {

class UserNames {
 public:
  // The name of the user of that number; the number where the file has none.
  std::string of(const std::string& uid);

 private:
  bool read_ = false;
  std::map<std::string, std::string> names_;  // by number
};

}  // namespace heapglass
