// What is in a container, for the detectors that look into many of them.
#pragma once

#include <string>
#include <vector>

#include "lib/leaks/leak_search.h"

namespace heapglass {

// dict, list, set, deque and what is derived from them; not tuple and frozenset, which nobody adds to.
bool is_growing_container(const TypeInfo& type);

// The io.StringIO whose text is kept in this list of parts until it is asked for; kNoNode: it is none.
NodeId stream_of_parts(const LeakSearch& search, NodeId list);

// A function that a module or class has under a name, itself or as a property of it, is made once, with its
// holder, and not for each call: that many were made by one decorator says nothing.
bool is_of_definition(const LeakSearch& search, NodeId function);

// The type that code knows it by: of the dict inside a WeakKeyDictionary that of the WeakKeyDictionary.
std::string container_name(const LeakSearch& search, NodeId container);

// Items, keys and values, each as often as it stands there; not the container's own class.
std::vector<NodeId> members_of(const LeakSearch& search, NodeId container);

// "str to app.Session" of a dict, "app.Session" of a list: of the first some thousand.
std::string contents_in_words(const LeakSearch& search, NodeId container);

// The values of a dict, the items of another container, in their order and each as often as it stands there.
std::vector<NodeId> values_of(const LeakSearch& search, NodeId container);

// From one member to the next where about `most` of `members` are looked at. Never even: a dict has keys and
// values in turn, and every second one would be keys alone.
std::size_t sample_step(std::size_t members, std::size_t most);

// Some hundred of them from all over, those that more than one place refers to by nature left out: numbers,
// texts, classes, modules, functions.
std::vector<NodeId> some_objects(const LeakSearch& search, const std::vector<NodeId>& objects);

// A container of containers of one type, at any depth, that are no records of a few fields.
struct NestedContents {
  std::string words;        // "dict of 7 lists, 6,400 app.Event in all"
  std::uint64_t items = 0;  // of the innermost
};
std::optional<NestedContents> nested_contents(const LeakSearch& search, NodeId container);

// The members; a small tuple that the container alone holds is replaced by those of its items that others
// hold too: a heap of (when, job) and a dict of (job, when) have the jobs in common, and no member.
std::vector<NodeId> in_records(const LeakSearch& search, NodeId container,
                               const std::vector<NodeId>& members);

// What would be freed if the container were emptied: what it alone keeps, and its members too where most of
// them are held by others as well, as those that stand in a cache and in an index.
LeakSearch::Kept kept_by_contents(const LeakSearch& search, NodeId container,
                                  const std::vector<NodeId>& members);

// As many keys as there can be, maxlen of a deque, or what the object that has the container as its attribute
// calls so: max_size, capacity, ...; nothing where there is no such number, or it is smaller than what is
// there.
std::optional<std::uint64_t> bound_of(const LeakSearch& search, NodeId container,
                                      const std::vector<NodeId>& path);

}  // namespace heapglass
