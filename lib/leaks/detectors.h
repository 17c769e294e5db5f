// One function for each pattern, or for patterns that one look finds. Each adds what it suspects; owner and
// path are filled in from the node where it leaves them empty. `claimed` are those that were found before:
// what a more particular pattern covers is not accused again by a general one.
#pragma once

#include <vector>

#include "lib/leaks/leak_search.h"
#include "lib/leaks/suspect.h"

namespace heapglass {

using Suspects = std::vector<Suspect>;

// From here on objects that are alike are a pattern and no accident.
constexpr std::size_t kManyAlike = 16;

void find_lru_caches(const LeakSearch& search, Suspects& found);
void find_closures(const LeakSearch& search, Suspects& found);
void find_cycles_with_del(const LeakSearch& search, Suspects& found);
void find_exceptions(const LeakSearch& search, Suspects& found);
void find_coroutines(const LeakSearch& search, Suspects& found);
void find_classes(const LeakSearch& search, Suspects& found);
void find_open_files(const LeakSearch& search, Suspects& found);
void find_logging(const LeakSearch& search, Suspects& found);
void find_context_variables(const LeakSearch& search, Suspects& found);
void find_weakref_callbacks(const LeakSearch& search, Suspects& found);
void find_thread_locals(const LeakSearch& search, Suspects& found);
void find_handlers(const LeakSearch& search, Suspects& found);
void find_unbounded_containers(const LeakSearch& search, Suspects& found);
// Those that are told only if they grew.
void find_containers_to_compare(const LeakSearch& search, Suspects& found);
void find_duplicates(const LeakSearch& search, Suspects& found);
void find_sparse_containers(const LeakSearch& search, Suspects& found);
void find_missing_slots(const LeakSearch& search, Suspects& found);
void find_native_references(const LeakSearch& search, Suspects& found);
void find_native_references_to_compare(const LeakSearch& search, Suspects& found);
void find_lost_objects(const LeakSearch& search, Suspects& found);

// Counted, unknown to the collector, and referred to by nothing.
bool is_lost(const LeakSearch& search, NodeId n);

// What keeps a tenth of the heap and is no suspect of the others.
void find_large_objects(const LeakSearch& search, Suspects& found);
void find_threads(const LeakSearch& search, Suspects& found);
void find_weak_key_cycles(const LeakSearch& search, Suspects& found);
// What modules, classes and sys.modules get under ever new names, and interned strings.
void find_grown_namespaces(const LeakSearch& search, Suspects& found);
void find_shell_outputs(const LeakSearch& search, Suspects& found);

// Most of what its node keeps is of the suspect: callbacks that are a tenth of a dict of figures are not why
// the dict is large.
bool explains_its_node(const LeakSearch& search, const Suspect& suspect);
bool is_already_reported(const Suspects& found, NodeId node);

}  // namespace heapglass
