// What leaks answers, as blocks and as a picture.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lib/heap/heap.h"
#include "lib/leaks/find_suspects.h"
#include "lib/leaks/suspect_growth.h"
#include "lib/render/report.h"

namespace heapglass {

// The search for leaks in a heap whose open files were asked for. Borrows it.
class LeakContext {
 public:
  explicit LeakContext(const Heap& heap);

  const Heap& heap() const { return heap_; }
  const LeakSearch& search() const { return search_; }

 private:
  const Heap& heap_;
  const LeakSearch search_;
};

// Adds the first `shown` of the suspects to the document. `elsewhere`: MemoryLine's sentence, where the
// memory is no Python object's.
void add_suspects(const LeakContext& look, const std::vector<Suspect>& suspects, std::size_t shown,
                  const std::string& elsewhere, Document& document);

// Who holds the suspects, and a few of what each holds: at most `most` objects.
Picture suspects_picture(const LeakContext& look, const std::vector<Suspect>& suspects, std::size_t shown,
                         std::size_t most);

}  // namespace heapglass
