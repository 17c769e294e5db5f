// Where tracemalloc's tables are, and how one walks through them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/python/objects.h"

namespace heapglass {

struct TracemallocTables {
  std::string how_found;
  bool tracing = false;
  std::uint32_t max_nframe = 0;
  bool limit_known = true;      // else max_nframe is as much as there can be
  Address traces{}, domains{};  // _Py_hashtable_t; null where there is none
  std::optional<std::uint64_t> current, peak;
};

// Where the blocks of memory begin that tracemalloc has for what it notes, in order: its tables, their
// entries, traces and tracebacks. Empty while it does not trace.
std::vector<Address> tracemalloc_blocks(const Objects& objects);

TracemallocTables find_tracemalloc(const Objects& objects);

// An entry of a _Py_hashtable_t: the address of its key and of its value. To 3.8 both lie in the entry, of
// the sizes that the table tells, from 3.9 on the words of the entry are pointers or numbers themselves.
struct TableEntry {
  Address key_at{}, value_at{};
  std::uint64_t key_size = 8;
};
// Calls visit for every entry until it returns false. False where the table contradicts itself: a chain goes
// in circles or into nowhere, or there are not as many entries as it says.
bool each_entry(const Objects& objects, Address table, const std::function<bool(const TableEntry&)>& visit);

}  // namespace heapglass
