// What every detector of leaks looks at, and the questions that several of them ask.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/graph/dominators.h"
#include "lib/graph/garbage.h"
#include "lib/graph/root_paths.h"
#include "lib/heap/external_roots.h"
#include "lib/heap/labels.h"
#include "lib/heap/object_view.h"

namespace heapglass {

// Whose code a module is.
enum class Origin : std::uint8_t {
  kApplication,
  kInstalled,  // a package of site-packages or dist-packages
  kStandard,   // the interpreter's own library
};

// What is known of a heap when the search begins. All borrowed.
struct LeakClues {
  Labels& labels;  // of a graph with references
  const ObjectView& values;
  const RootPaths& root_paths;
  const Dominators& dominators;
  const ExternalRoots& held;
  const Garbage& garbage;
  const std::vector<PyInterpreter>& interpreters;
  // What the system says of a file descriptor of the process: "socket:[81726]"; empty: nothing.
  std::function<std::string(int)> open_file = [](int) { return std::string(); };
  std::uint64_t most_open_files = 0;  // so many it may have; 0: unknown
};

// From one thread at a time.
class LeakSearch {
 public:
  explicit LeakSearch(LeakClues clues);

  Labels& labels() const { return labels_; }
  const ObjectView& values() const { return values_; }
  const HeapGraph& graph() const { return labels_.graph(); }
  const Objects& objects() const { return labels_.types().objects(); }
  const Dominators& dominators() const { return dominators_; }
  const LeakClues& clues() const { return clues_; }
  const TypeInfo& type_of(NodeId n) const { return labels_.type_of(n); }
  Address address(NodeId n) const { return labels_.address(n); }
  NodeId node(Address a) const { return is_null(a) ? kNoNode : graph().index->find(a); }
  std::uint64_t heap_bytes() const { return heap_bytes_; }  // of all objects
  // Does anything from outside lead there? What nothing leads to is garbage.
  bool is_reached(NodeId n) const { return root_paths_.reaches(n) && !is_garbage(n); }
  bool is_garbage(NodeId n) const { return garbage_[index(n)]; }  // a collection would free it

  // The objects of all types of which `is` is true, in order of address within a type.
  std::vector<NodeId> nodes_of(const std::function<bool(const TypeInfo&)>& is) const;
  std::vector<NodeId> nodes_of(std::string_view type_name) const;

  struct Kept {
    std::uint64_t bytes = 0, objects = 0;
    Kept& operator+=(const Kept& other) {
      bytes += other.bytes;
      objects += other.objects;
      return *this;
    }
  };
  // What would be freed if all of `members` went, whoever else holds each: what one keeps by another of them
  // is counted once. A member may stand there several times.
  Kept retained_by_set(std::span<const NodeId> members) const;

  // The shortest way from outside; from a module where one leads there that is not much longer than that from
  // a frame, a thread or C code. A function or class is reached from the module that defines it, where that
  // has it under a name, whichever others imported it. Empty: there is none.
  std::vector<NodeId> path_to(NodeId n) const;
  // Objects that hang from one collection with many members, or alone.
  struct Group {
    NodeId owner = kNoNode;  // the collection nearest to the start of the way; of one alone itself
    std::vector<NodeId> members;
  };
  // Largest first. What nothing leads to is in one group whose owner is kNoNode.
  std::vector<Group> group_by_owner(const std::vector<NodeId>& nodes) const;
  // As Python would write it, as far as it can: "app.cache", "app.Registry.plugins['k']", "thread 4711:
  // app.py:42 in main, local cache".
  std::string owner_of(const std::vector<NodeId>& path) const;
  // As `heapglass path` tells it, up to what `way` ends with.
  std::string path_of(const std::vector<NodeId>& path) const;
  // On the way there is a collection with so many members that the object is one of many alike.
  bool is_one_of_many(const std::vector<NodeId>& path) const;
  // On the path there is such a collection, but at each the member that leads on has most of it or far more
  // than its siblings: with `bytes`, what the object at the end keeps, it is a case of its own.
  bool stands_out(const std::vector<NodeId>& path, std::uint64_t bytes) const;
  // The last such collection on the path; kNoNode: there is none.
  NodeId collection_on(const std::vector<NodeId>& path) const;
  // A module, a class, a namespace of one, the globals of exec(), sys.modules, a frame, a thread: what
  // keeps much because a program hangs in it.
  bool is_structure(NodeId n) const;
  // No more than words of a stack or counts of C code lead to the start of the path.
  bool is_unsure(const std::vector<NodeId>& path) const;
  // Of the module where the way starts; kApplication where it starts at a thread, kStandard at C code.
  Origin origin_of(const std::vector<NodeId>& path) const;
  // Of the module that a class, or an object's class, was defined in.
  Origin origin_of_class(Address type) const;
  // Of the module whose code a function is.
  Origin origin_of_function(NodeId function) const;
  // __name__ of a module.
  std::string module_name(NodeId module) const;

  // "app.Session", without builtins.
  std::string type_name(NodeId n) const;
  // A type of this name or derived from it.
  bool is_derived(const TypeInfo& type, std::string_view base) const;
  std::string repr(Address object, std::size_t limit = 60) const;  // short_repr
  // The number of the interpreter that has it; empty of the main one. What two have each they cannot share.
  std::string interpreter_of(NodeId n) const;
  // A module of sys.modules by its __name__; kNoNode: there is none.
  NodeId module(const std::string& name) const;

 private:
  Origin origin_of_file(const std::string& file) const;
  std::optional<Origin> origin_of_code_in(Address dict) const;
  std::string file_of_code(NodeId function) const;
  NodeId module_of_dict(NodeId dict) const;
  std::vector<NodeId> named_path_to(NodeId n, const std::vector<NodeId>& path) const;
  std::string home_of(NodeId n) const;
  void group_by_type();
  void name_modules_by_keys();

  bool is_large_collection(NodeId n) const;
  // What the members of a collection keep, and how many there are.
  struct MembersSum {
    std::uint64_t bytes = 0, members = 0;
  };
  const MembersSum& sum_of_members(NodeId collection) const;
  bool is_modules_dict(NodeId n) const;
  bool is_globals(NodeId dict) const;
  bool is_copy_of_names(NodeId dict) const;

  const LeakClues clues_;
  Labels& labels_;
  const ObjectView& values_;
  const RootPaths& root_paths_;
  const Dominators& dominators_;
  std::vector<bool> garbage_;  // by node
  std::uint64_t heap_bytes_ = 0;
  std::vector<std::string> installed_;  // folders of packages, with a slash at the end
  std::string library_;                 // the folder of the standard library, with a slash at the end
  std::vector<std::uint32_t> first_of_type_;
  std::vector<NodeId> by_type_;
  mutable std::optional<RootPaths> from_modules_;  // made when it is first asked for
  mutable std::vector<std::uint32_t> stamp_;       // by node: the last question that it was a member of
  mutable std::uint32_t question_ = 0;
  mutable std::vector<std::uint8_t> known_;                              // by node: was its owner looked for
  mutable std::vector<NodeId> owner_;                                    // by node
  mutable std::unordered_map<std::uint32_t, MembersSum> sums_;           // by collection
  mutable std::unordered_map<std::uint32_t, bool> globals_;              // by dict
  std::unordered_map<std::string, NodeId> modules_;                      // by __name__ and key of sys.modules
  mutable std::unordered_map<std::uint32_t, std::string> start_labels_;  // by node where a path starts
};

// "1,234"; "1 entry", "1,234 entries" with the words for one and for several.
std::string format_count(std::uint64_t n);
std::string format_count(std::uint64_t n, std::string_view one, std::string_view several);

}  // namespace heapglass
