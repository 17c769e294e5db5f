// Executes content_rules() on what a recorder may read, and so on what a file gets.
#pragma once

#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "lib/snapshot/content_parts.h"
#include "lib/snapshot/read_recorder.h"
#include "lib/snapshot/redacted_stacks.h"

namespace heapglass {

// All borrowed. `longest`: values are cut there; without it they are hidden.
class HiddenContent {
 public:
  HiddenContent(const Heap& heap, const ContentParts& parts, const ReadRecorder& recorder,
                std::optional<std::uint64_t> longest);

  // Of all objects. Returns those whose fields have names, for reveal_names().
  std::vector<Address> hide();
  // What stands in the fields that name_rules() lists, of the objects that hide() returned.
  void reveal_names(const std::vector<Address>& named);
  // Of an object that is exempt as this. From many threads.
  void reveal(Address object, Exempt as) const;
  // A text of C, which may be the characters of a str. From many threads.
  void reveal_c_string(Address text) const;

  // Once all is read. In the words in which the beginning of a cut value ends, what is behind becomes 0.
  void cut_beginnings();
  // In those in which a value ends, what is behind is left from who had the memory before, and so is what
  // stands beside the few bits of a str's state: 0 too.
  void cut_ends();

 private:
  using Words = std::vector<std::pair<Address, unsigned>>;  // with the bytes that stay of each

  struct Hiding;

  bool is_exempt(const ContentRule& rule, Hiding& at) const;
  void hide_part(const ContentRule& rule, Bytes bytes, Hiding& at) const;
  Fate fate_of(const ContentRule& rule) const;
  std::uint32_t rules_where(bool (*is)(Fate)) const;  // a bit each

  const Heap& heap_;
  const ContentParts& parts_;
  const ReadRecorder& recorder_;
  const std::optional<std::uint64_t> longest_;
  const ThreadNumbers thread_numbers_;
  std::vector<std::uint8_t> named_by_;  // by type of the graph
  Words beginnings_;                    // that were cut
  std::mutex mutex_;
};

}  // namespace heapglass
