// What a snapshot says of its process in single values: section "meta", names and texts.
#pragma once

#include <map>
#include <string>

#include "lib/snapshot/snapshot_file.h"
#include "lib/snapshot/snapshot_writer.h"

namespace heapglass {

class Metadata {
 public:
  Metadata() = default;
  explicit Metadata(std::shared_ptr<const SnapshotFile> file);

  void set(const std::string& name, std::string text) { facts_[name] = std::move(text); }
  void set_number(const std::string& name, std::uint64_t number) { set(name, std::to_string(number)); }
  // So that the very same number comes out again.
  void set_real(const std::string& name, double number);
  void save(SnapshotWriter& writer) const;

  bool has(const std::string& name) const { return facts_.contains(name); }
  // Throw Error kFile where there is none, or it is no number.
  const std::string& text(const std::string& name) const;
  std::uint64_t number(const std::string& name) const;
  double real(const std::string& name) const;

 private:
  std::shared_ptr<const SnapshotFile> file_;
  std::map<std::string, std::string> facts_;
};

}  // namespace heapglass
