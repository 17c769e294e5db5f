#include "lib/report/service_name.h"

#include <sstream>

#include "lib/base/host_name.h"

namespace heapglass {

std::string service_of(const std::string& command_line) {
  std::istringstream words(command_line);
  std::string program, word;
  words >> program;
  std::string name = program;
  while (words >> word) {
    if (word == "-m" && words >> word) {
      name = word;
      break;
    }
    if ((word == "-W" || word == "-X") && words >> word) continue;
    if (word.starts_with('-')) continue;
    name = word;
    break;
  }
  name = name.substr(name.rfind('/') + 1);
  if (name.ends_with(".py")) name.resize(name.size() - 3);
  return name.empty() ? "python" : name;
}

std::string host_of(const Target& target) {
  std::string host = target.origin().host;
  return host.empty() ? host_name() : host;
}

}  // namespace heapglass
