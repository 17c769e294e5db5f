// What guard has done, which outlives it: when each rule acted on what, and the files that it wrote. Pure:
// the file is read and written elsewhere.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/guard/rules.h"
#include "lib/guard/trigger_state.h"

namespace heapglass {

class Ledger {
 public:
  struct File {
    std::string rule, subject, name;  // the name within the folder
    bool is_snapshot = false;         // that diffs compare with
    bool is_record = false;           // of the flight recorder
  };

  explicit Ledger(std::string boot_id) : boot_id_(std::move(boot_id)) {}

  // The text of a state file, and back. Times of another boot are forgotten: their clock was another, and so
  // were all processes. Throws Error kFile with the line where the text is none; `name` is for messages.
  static Ledger parse(std::string_view text, const std::string& boot_id, const std::string& name);
  std::string text() const;

  // Why the rule may not act on the subject now: "its cooldown lasts 8 min 3 s more"; empty: it may.
  std::string refusal(const GuardRule& rule, const std::string& subject, Monotonic now) const;
  void acted(const GuardRule& rule, const std::string& subject, Monotonic now);
  // Nothing came of it: as if it had not.
  void take_back(const std::string& rule, const std::string& subject);

  void wrote(File file) { files_.push_back(std::move(file)); }
  void removed(const std::string& name);
  const std::vector<File>& files() const { return files_; }  // in the order in which they were written
  // The newest snapshot or record of the same; empty: there is none.
  std::string newest(const std::string& rule, const std::string& subject) const;
  // A record that is one no more: it does not go for newer ones.
  void keep(const std::string& name);
  // The newest snapshot of the same, to compare with; empty: there is none.
  std::string newest_snapshot(const std::string& rule, const std::string& subject) const;

  // Forgets times that no limit of these rules needs any more.
  void prune(const GuardRules& rules, Monotonic now);

 private:
  class Parser;
  std::string boot_id_;
  std::map<std::pair<std::string, std::string>, std::vector<Monotonic>> acted_;  // by rule and subject
  std::vector<File> files_;
};

}  // namespace heapglass
