#include "platform/process/open_files.h"

#include <dirent.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

#include "platform/process/process.h"

namespace heapglass {
namespace {

// "0100007F:1F90" -> "127.0.0.1:8080": the kernel writes an address as words in the order of this machine.
std::string address_of(const std::string& hex) {
  const std::size_t colon = hex.find(':');
  if (colon == std::string::npos) return hex;
  const unsigned long port = std::strtoul(hex.c_str() + colon + 1, nullptr, 16);
  std::string text;
  if (colon == 8) {
    const unsigned long word = std::strtoul(hex.substr(0, 8).c_str(), nullptr, 16);
    for (int i = 0; i < 4; ++i) text += (i ? "." : "") + std::to_string(word >> (8 * i) & 255);
  } else {
    for (std::size_t i = 0; i + 8 <= colon; i += 8) {
      const unsigned long word = std::strtoul(hex.substr(i, 8).c_str(), nullptr, 16);
      char part[48];
      std::snprintf(part, sizeof part, "%s%lx:%lx", i ? ":" : "", (word & 255) << 8 | (word >> 8 & 255),
                    (word >> 16 & 255) << 8 | word >> 24);
      text += part;
    }
    text = "[" + text + "]";
  }
  return text + ":" + std::to_string(port);
}

}  // namespace

SocketNames parse_socket_table(const std::string& text) {
  static constexpr const char* kStates[] = {"?",          "ESTABLISHED", "SYN_SENT",  "SYN_RECV",
                                            "FIN_WAIT1",  "FIN_WAIT2",   "TIME_WAIT", "CLOSE",
                                            "CLOSE_WAIT", "LAST_ACK",    "LISTEN",    "CLOSING"};
  SocketNames sockets;
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);  // the headings
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string number, local, remote, state, queues, timer, retransmits, user, timeout, inode;
    words >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >> timeout >> inode;
    if (inode.empty()) continue;
    const unsigned long s = std::strtoul(state.c_str(), nullptr, 16);
    const bool listens = s == 10;
    sockets[inode] = "TCP " + address_of(local) + (listens ? "" : " to " + address_of(remote)) + ", " +
                     (s < std::size(kStates) ? kStates[s] : "?");
  }
  return sockets;
}

OpenFiles read_open_files(pid_t pid) {
  OpenFiles files;
  const std::string folder = "/proc/" + std::to_string(pid);
  std::ifstream limits(folder + "/limits");
  for (std::string line; std::getline(limits, line);)
    if (line.starts_with("Max open files")) files.limit = std::strtoull(line.c_str() + 14, nullptr, 10);
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir((folder + "/fd").c_str()), closedir);
  if (!directory) return files;
  SocketNames sockets = parse_socket_table(read_proc_file(folder + "/net/tcp"));
  sockets.merge(parse_socket_table(read_proc_file(folder + "/net/tcp6")));
  while (const dirent* entry = readdir(directory.get())) {
    char* end = nullptr;
    const long fd = std::strtol(entry->d_name, &end, 10);
    if (end == entry->d_name || *end) continue;
    char target[512];
    const ssize_t n = readlink((folder + "/fd/" + entry->d_name).c_str(), target, sizeof target);
    if (n <= 0) continue;
    std::string what(target, static_cast<std::size_t>(n));
    if (what.starts_with("socket:[")) {
      const auto known = sockets.find(what.substr(8, what.size() - 9));
      if (known != sockets.end()) what += " " + known->second;
    }
    files.what[static_cast<int>(fd)] = what;
  }
  return files;
}

}  // namespace heapglass
