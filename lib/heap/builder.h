// From an image and the knowledge of CPython to a HeapGraph: mark everything, then write it down.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "lib/base/read_errors.h"
#include "lib/heap/heap_graph.h"
#include "lib/heap/resolver.h"
#include "lib/python/references.h"
#include "lib/python/roots.h"

namespace heapglass {

struct BuildOptions {
  bool sizes = true;
  bool references = true;
  Resolver* resolver = nullptr;  // asked about objects whose references no layout tells; borrowed
  bool scan = true;              // guess the references of those that stay unknown from their bytes
  // Of the target's threads: a collection that goes on has lists on one of their stacks.
  std::vector<Address> stack_pointers;
  // Objects that nothing marked leads to, in order of address, by the blocks of the allocators
  // (unreached_objects.h). Not there: none are looked for.
  std::function<std::vector<Address>(const AddressIndex& marked, TypeTable& types)> find_unreached;
};

struct BuildReport {
  std::uint64_t tracked = 0;  // objects on the collector's lists
  bool lists_closed = true;
  bool collecting = false;  // caught in the middle of a collection
  std::uint64_t loose = 0;  // objects found on that collection's own lists alone
  // Objects whose references are not known exactly, by what they are: extension types, modules with C state.
  std::map<std::string, std::uint64_t> unresolved;
  // References of extension types that no tp_traverse tells, found as words of their structs, by type.
  std::map<std::string, std::uint64_t> by_word;
  // Objects that nothing leads to, known by their blocks alone, by type.
  std::map<std::string, std::uint64_t> unreached;
  // Objects that only such guesses lead to; what these refer to is not counted again.
  std::uint64_t guessed = 0;
  // Objects whose references the resolver told; types of which it could tell too few, so that it was not
  // believed.
  std::uint64_t resolved = 0;
  std::map<std::string, std::uint64_t> distrusted;
  std::int32_t greenlet_frame = kAbsent;  // greenlet_frames.h
};

HeapGraph build_graph(const std::shared_ptr<const Image>& image, TypeTable& types,
                      const std::vector<PyInterpreter>& interpreters, const BuildOptions& options,
                      ReadErrors& health, BuildReport& report);

// Those of the roots that are objects of the graph.
std::vector<GraphRoot> graph_roots(const AddressIndex& index, std::vector<PyRoot> roots);

}  // namespace heapglass
