// Finds every object of a heap, and decides for each where its references come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "lib/heap/builder.h"
#include "lib/heap/edge_budget.h"
#include "lib/heap/gc_work_lists.h"
#include "lib/heap/resolved_references.h"

namespace heapglass {

class Marker;

// A module whose C state is visited by an m_traverse that no row describes.
bool has_unknown_state(TypeTable& types, Address module);

// Does no layout describe what this object refers to? Its type's tp_traverse, or the module's m_traverse, has
// no traverse rule.
inline bool unknown_references(TypeTable& types, Address object, const TypeInfo& type) {
  return type.resolution == Resolution::kUnknown ||
         (type.body == TraverseRule::kModule && has_unknown_state(types, object));
}

// Where the references of one object come from.
struct ReferenceSource {
  enum class By : std::uint8_t {
    kLayout,    // traverse rules describe all of them
    kResolver,  // those that tp_traverse visits are `visited`; the layout adds the others
    kScan,      // the layout describes some, and each further word of the body is a guess
    kNothing,   // the layout describes some, and what else there is stays unknown
  };
  By by = By::kLayout;
  std::span<const Address> visited;
};

class Marking {
 public:
  // All are borrowed for as long as the marking lives. The bits of `index` are set.
  Marking(AddressIndex& index, TypeTable& types, const BuildOptions& options, ReadErrors& errors,
          BuildReport& report);

  // Marks every object that the roots, the collector's lists, the types, the resolver and guesses lead to.
  // `work_lists` is there while a collection is under way. Once.
  void run(const std::vector<PyInterpreter>& interpreters, const std::vector<PyRoot>& roots,
           GcWorkLists* work_lists);

  // Of a marked object, after run(). From many threads.
  ReferenceSource references_of(Address object, const TypeInfo& type) const {
    if (!unknown_references(types_, object, type)) return {};
    const auto visited = resolved_.find(object);
    if (visited) return {ReferenceSource::By::kResolver, *visited};
    return {options_.scan ? ReferenceSource::By::kScan : ReferenceSource::By::kNothing, {}};
  }

 private:
  struct Asked {
    std::uint64_t objects = 0, failed = 0;
  };

  // One round: worker 0 marks what `first` gives it, and all workers follow the references from there.
  void mark_all_from(const std::function<void(Marker&)>& first);

  // The sources of objects. The first four mark; the others need all workers to stand, and add to found_.
  void mark_roots(Marker& marker, const std::vector<PyRoot>& roots);
  void mark_collector_lists(Marker& marker, const std::vector<PyInterpreter>& interpreters,
                            GcWorkLists* work_lists);
  void mark_new_types(Marker& marker);
  void mark_found(Marker& marker);
  void ask_resolver();
  void search_work_lists(GcWorkLists& work_lists);
  void guess();
  void find_unreached();

  bool anything_to_mark() const { return !found_.empty() || has_new_types(); }
  bool has_new_types() const { return types_.all().size() > types_marked_; }
  std::vector<Address> take_unknown();
  void judge_resolver();

  AddressIndex& index_;
  TypeTable& types_;
  const BuildOptions& options_;
  ReadErrors& errors_;
  BuildReport& report_;
  Resolver* resolver_;  // nullptr: there is none, or none any more
  EdgeBudget budget_;
  std::size_t types_marked_ = 0;
  bool looked_at_blocks_ = false;
  // By worker: marked objects with unknown references, or with words that no tp_traverse tells.
  std::vector<std::vector<Address>> unknown_;
  std::vector<Address> unresolved_;  // of the former: not resolved, and not scanned yet
  std::vector<Address> worded_;      // of the latter: those whose words were not looked at yet
  std::vector<Address> found_;       // to be marked in the next round
  std::map<const TypeInfo*, Asked> asked_;
  ResolvedReferences resolved_;
};

}  // namespace heapglass
