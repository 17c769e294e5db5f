// The folder of guard: its lock, its state, and how much of the disk its files take.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <set>
#include <string>

#include "lib/guard/ledger.h"
#include "lib/guard/rules.h"
#include "platform/files/file_descriptor.h"

namespace heapglass {

// "%r-%Y%m%dT%H%M%S-%p" with what its codes stand for (UTC), and nothing that a name should not have.
std::string expand_file_name(const std::string& pattern, const std::string& rule, const std::string& subject,
                             pid_t pid, std::time_t when);

class GuardFiles {
 public:
  // Throws Error kFile where the folder cannot be written, or another guard has it.
  GuardFiles(const GuardRules& rules, const std::string& boot_id);

  Ledger& ledger() { return ledger_; }
  const Ledger& ledger() const { return ledger_; }
  std::string path(const std::string& name) const { return rules_.folder + "/" + name; }
  // Written whole or not at all; why it could not be, else empty.
  std::string save() const;

  // The most that a file may take of which `expected` bytes are expected.
  std::uint64_t room_of(std::uint64_t expected) const { return std::min(rules_.disk / 4, expected); }
  // Removes the oldest files, but none of `in_use`, until `reserved` more bytes fit in 'disk'; their names.
  std::vector<std::string> make_room(std::uint64_t reserved, const std::set<std::string>& in_use);
  std::uint64_t bytes() const;  // of all files
  void remove(const std::string& name);

 private:
  const GuardRules& rules_;
  FileDescriptor lock_;
  Ledger ledger_;
};

}  // namespace heapglass
