// What the page of `ui` asks while somebody walks through the heap: one answer, as JSON or a picture, to one
// question.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/heap/heap.h"
#include "lib/tracemalloc/allocation_sites.h"

namespace heapglass {

// "/object?id=0x7f10&limit=20", decoded: %XX and + are what they stand for, and names come once each.
struct WalkQuestion {
  std::string path;
  std::vector<std::pair<std::string, std::string>> parameters;
  const std::string* find(std::string_view name) const;
};
WalkQuestion parse_question(std::string_view target);

struct WalkAnswer {
  int status = 200;  // of HTTP
  std::string type = "application/json";
  std::string body;
};

// A heap that is walked in, with references. What takes long once and is asked of any object is made here, in
// seconds for ten million objects; afterwards an object's answer takes milliseconds.
class WalkedHeap {
 public:
  explicit WalkedHeap(const Heap& heap);
  const Heap& heap() const { return heap_; }
  const AllocationSites& sites() const { return sites_; }

 private:
  const Heap& heap_;
  const AllocationSites sites_;
};

// Whatever is wrong with the question is an answer too: {"error": ..., "hint": ...} with the status 4xx.
// Questions, each with &in=A or &in=B where there are two heaps (without it the first
// is asked):
//   /object?id=ADDRESS[&limit=N]           the document of show
//   /objects?[type=T][&where=EXPR][&sort=KEY][&limit=N]     the document of objects
//   /dominated?id=ADDRESS[&limit=N]        objects that this one alone keeps alive, the largest first
//   /query?sql=SELECT...[&limit=N]         the document of query, within kQueryTime
//   /names                                 types, tables and columns, words of SQL and of conditions
//   /picture?id=ADDRESS                    who holds it, as SVG
WalkAnswer answer_walk(std::span<const WalkedHeap* const> heaps, const WalkQuestion& question);

}  // namespace heapglass
