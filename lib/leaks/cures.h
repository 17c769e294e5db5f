// What helps at places that are known by name: caches and lists of well-known libraries that grow because of
// how they are used, and what the user of the library can do. The mechanism's own cure stands with its
// pattern.
//
// To add a place: a row in cures.cc. A cure never asks to change a class of the library.
#pragma once

#include <string>
#include <vector>

#include "lib/leaks/leak_search.h"

namespace heapglass {

struct KnownCure {
  // What the place is known by. Each that is given has to be so.
  const char* owner = nullptr;  // the owner's name ends so, up to an index behind it
  const char* holder =
      nullptr;  // a type on the path, by its full name or, with a dot at the end, its package
  const char* content = nullptr;  // the type of a third of what is in it, in the same way
  const char* module = nullptr;   // of sys.modules
  const char* says = nullptr;     // for the evidence; null: nothing
  const char* cure = nullptr;
};

// The first row that fits the container at the end of the path; nullptr: none.
const KnownCure* find_cure(const LeakSearch& search, const std::vector<NodeId>& path,
                           const std::string& owner, const std::vector<NodeId>& members);

}  // namespace heapglass
