// What is thought to leak, and why.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/heap/heap_graph.h"

namespace heapglass {

// Since the first look.
struct SuspectGrowth {
  std::int64_t bytes = 0, objects = 0;
  bool is = false;          // more than what comes and goes
  int grew = 0, looks = 0;  // in how many of the times between two looks there became more of it
};

struct Suspect {
  std::string_view pattern;    // "unbounded-cache": of the table in find_suspects.cc
  NodeId node = kNoNode;       // what holds it all, or one that stands for many; kNoNode: no single object
  std::string owner;           // "app.cache"; where it is left empty, that of `node`
  std::uint64_t bytes = 0;     // what would be freed if all of it went, or what would be saved
  std::uint64_t retained = 0;  // of those, what `node` alone keeps; 0 where there is no single object
  std::uint64_t objects = 0;   // entries, handlers, tasks, ...: what there are too many of
  std::string evidence;        // sentences
  std::string cure;            // sentences: what usually helps
  // How often such a thing is a leak and no more than a program's ordinary state, 0 to 1. Suspects are ranked
  // by it and the bytes.
  double certainty = 1;
  // Of what is limited beside memory, open files: which part of the limit is used, 0 to 1.
  double share_of_limit = 0;
  std::vector<NodeId> examples;  // a few of `objects`
  // Containers and other objects that this covers: patterns behind it in the table leave them alone.
  std::vector<NodeId> covers;
  std::optional<SuspectGrowth> growth;  // where there was a look before
  std::string path;                     // the way to `node` as `path` tells it; filled in with the owner
  // Told only where it grew between two captures: of `siblings` members of the collection at `among` it is
  // one, or it is a library's own table (among is null).
  bool only_if_grown = false;
  Address among{};
  std::uint64_t siblings = 0;
  // Some of the objects that it keeps, by which the same objects elsewhere are known.
  std::vector<NodeId> kept_objects;
  std::vector<NodeId> other_holders;      // who refers to most of them too,
  std::vector<std::string> held_also_by;  // and what the first of those are called
};

}  // namespace heapglass
