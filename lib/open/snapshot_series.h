// Snapshots in the order of their times, of which heaps are decoded one by one, where they are asked for.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/compare/since.h"
#include "lib/open/open_heap.h"

namespace heapglass {

class SnapshotSeries {
 public:
  // Opens all of them, gives up the rights, and reads what stands at their ends. Throws Error: kUsage where
  // one is no snapshot or two are of one moment, kFile where one is damaged.
  SnapshotSeries(const CommonOptions& common, std::span<const std::string> paths);

  const std::vector<CaptureFacts>& captures() const { return captures_; }  // in order of time
  std::unique_ptr<Heap> open(std::size_t i, const HeapNeeds& needs) const;

 private:
  const CommonOptions& common_;
  std::vector<SnapshotHandle> handles_;
  std::vector<CaptureFacts> captures_;  // of each
};

}  // namespace heapglass
