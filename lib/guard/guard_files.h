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
  // Removes files, but none of `in_use`, until `reserved` more bytes fit in 'disk': those of the recorder
  // first, then the others, of each the oldest. The names of the others.
  std::vector<std::string> make_room(std::uint64_t reserved, const std::set<std::string>& in_use);
  // Removes the oldest records of a rule until one of `expected` bytes fits in its 'record-disk'. False where
  // `reserved` bytes, which are for that one and others, would not fit in 'disk' beside what is no record.
  bool make_room_for_record(const GuardRule& rule, std::uint64_t expected, std::uint64_t reserved);
  std::uint64_t record_room(const GuardRule& rule) const {
    return rule.record_disk ? std::min(rule.record_disk, rules_.disk) : rules_.disk / 2;
  }
  std::uint64_t bytes() const;  // of all files
  std::uint64_t bytes_of(const std::string& name) const;
  void remove(const std::string& name);

 private:
  const GuardRules& rules_;
  FileDescriptor lock_;
  Ledger ledger_;
};

}  // namespace heapglass
