// Whose each object is: of the module, class or thread by which the shortest way reaches it, and there of the
// named thing that it hangs in: app.cache, app.service.sessions. Every object has exactly one owner, so that
// they add up. Names have neither addresses nor lines in them: the same thing is called the same later on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/graph/root_paths.h"
#include "lib/heap/labels.h"
#include "lib/heap/object_view.h"

namespace heapglass {

// Of what nothing from outside of the heap reaches.
constexpr std::string_view kGarbageOwner = "garbage";

struct Owner {
  std::string path;  // "app.cache", "class app.Session", "thread in handle (app.py): seen", "C code"
  std::string what;  // its type; empty where it is no object
  NodeId node = kNoNode;
  std::optional<std::uint64_t> entries;  // of a container, as len() has them
  std::uint32_t parent = kNone;          // the owner in whose name its own begins
  bool collection = false;               // what is in it has no names
  std::uint64_t objects = 0, bytes = 0;  // it and all that hangs in it, owners with names of their own apart

  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
};

struct OwnersInput {
  // All borrowed; ways from proper modules alone, and from everywhere.
  const RootPaths& from_modules;
  const RootPaths& from_anywhere;
  Labels& labels;
  const ObjectView& values;
};

struct Owners {
  std::vector<Owner> owners;
  std::vector<std::uint32_t> of;  // by node: which of owners
};

Owners find_owners(const OwnersInput& input);

// What is left of an owner when the heap is gone.
struct OwnerCount {
  std::string path, what;
  std::optional<std::uint64_t> entries;
  std::uint32_t parent = Owner::kNone;  // which of the list
  bool collection = false;
  std::uint64_t objects = 0, bytes = 0;
};

// By path; owners that are called the same are one. Into `row_of`, where given, which each owner became.
std::vector<OwnerCount> owner_counts(const Owners& owners, std::vector<std::uint32_t>* row_of = nullptr);

struct OwnerGrowth {
  std::string path, what;
  std::optional<std::uint64_t> entries_before, entries_after;
  std::uint64_t objects_before = 0, objects_after = 0, bytes_before = 0, bytes_after = 0;
  std::int64_t count_delta() const { return static_cast<std::int64_t>(objects_after - objects_before); }
  std::int64_t bytes_delta() const { return static_cast<std::int64_t>(bytes_after - bytes_before); }
};

// One row for each path of either, those that stayed the same included. What had few items and was told item
// by item at one moment is one row where it is a collection at the other.
std::vector<OwnerGrowth> owner_growth(const std::vector<OwnerCount>& before,
                                      const std::vector<OwnerCount>& after);

}  // namespace heapglass
