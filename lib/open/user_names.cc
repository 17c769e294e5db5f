#include "lib/open/user_names.h"

#include <fstream>
#include <sstream>

namespace heapglass {

std::string UserNames::of(const std::string& uid) {
  if (!read_) {
    read_ = true;
    std::ifstream file("/etc/passwd");
    for (std::string line; std::getline(file, line);) {
      std::istringstream fields(line);
      std::string name, password, number;
      if (std::getline(fields, name, ':') && std::getline(fields, password, ':') &&
          std::getline(fields, number, ':'))
        names_.emplace(number, name);
    }
  }
  const auto at = names_.find(uid);
  return at == names_.end() ? uid : at->second;
}

}  // namespace heapglass
