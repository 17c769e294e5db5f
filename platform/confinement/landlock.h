// Landlock: what a process may do to the file system, whoever it is. By numbers, not by the kernel's header:
// that of the build may be older than the kernel of the run.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace heapglass {

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444  // Linux 5.13, the same on every architecture
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

// The version of Landlock here; 0 where there is none, or it is switched off.
inline int landlock_abi() {
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, 1 /* LANDLOCK_CREATE_RULESET_VERSION */);
  return abi > 0 ? static_cast<int>(abi) : 0;
}

// A ruleset under which only what lies in `readable`, folders and files, can be opened or listed; nothing can
// be written, made, removed, linked or renamed, no TCP port used, and no process or abstract socket reached
// that is not under it too. As far as `abi` knows these. What does not exist is left out. Its descriptor, or
// -1 with errno.
inline int landlock_read_only(int abi, std::span<const std::string> readable) {
  struct {
    std::uint64_t files, network, scopes;
  } handled{};
  struct __attribute__((packed)) {
    std::uint64_t allowed;
    std::int32_t folder;
  } rule{};
  constexpr std::uint64_t kReadFile = 1 << 2, kReadFolder = 1 << 3;
  handled.files = (1u << 13) - 1;              // execute ... make a symbolic link
  if (abi >= 2) handled.files |= 1u << 13;     // link and rename between folders
  if (abi >= 3) handled.files |= 1u << 14;     // truncate
  if (abi >= 4) handled.network = 1 | 1 << 1;  // bind and connect TCP
  if (abi >= 5) handled.files |= 1u << 15;     // ioctl of devices
  if (abi >= 6) handled.scopes = 1 | 1 << 1;   // abstract unix sockets, signals
  const std::size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  const int ruleset = static_cast<int>(syscall(SYS_landlock_create_ruleset, &handled, size, 0));
  if (ruleset < 0) return -1;
  for (const std::string& path : readable) {
    rule.folder = ::open(path.c_str(), O_PATH | O_CLOEXEC);
    struct stat status {};
    if (rule.folder < 0) continue;
    rule.allowed = kReadFile;
    if (fstat(rule.folder, &status) == 0 && S_ISDIR(status.st_mode)) rule.allowed |= kReadFolder;
    syscall(SYS_landlock_add_rule, ruleset, 1 /* LANDLOCK_RULE_PATH_BENEATH */, &rule, 0);
    ::close(rule.folder);
  }
  return ruleset;
}

}  // namespace heapglass
