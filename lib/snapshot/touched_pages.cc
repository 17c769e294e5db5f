#include "lib/snapshot/touched_pages.h"

#include <algorithm>

namespace heapglass {

class TouchedPages::Guard final : public SegmentGuard {
 public:
  explicit Guard(std::uint64_t bytes)
      : count((bytes + kSnapshotPage - 1) / kSnapshotPage), touched(new std::atomic<bool>[count]()) {}
  bool ready(std::uint64_t offset, std::uint64_t size) const override {
    for (std::uint64_t p = offset / kSnapshotPage; p <= (offset + size - 1) / kSnapshotPage; ++p)
      if (!touched[p].load(std::memory_order_relaxed)) touched[p].store(true, std::memory_order_relaxed);
    return true;
  }
  const std::uint64_t count;
  const std::unique_ptr<std::atomic<bool>[]> touched;
};

TouchedPages::TouchedPages(std::shared_ptr<Image> image) : image_(std::move(image)) {
  std::vector<std::shared_ptr<const SegmentGuard>> guards;
  for (const Image::Segment& s : image_->segments()) {
    guards_.push_back(std::make_shared<Guard>(s.size));
    guards.push_back(guards_.back());
  }
  image_->guard(guards);
}

TouchedPages::~TouchedPages() { image_->guard({}); }

void TouchedPages::touch(Address from, std::uint64_t bytes) const {
  const Image::Segment* s = image_->find(from);
  if (!s || bytes == 0) return;
  const std::uint64_t offset = from - s->start;
  s->guard->ready(offset, std::min(bytes, s->size - offset));
}

std::vector<TouchedPages::Page> TouchedPages::pages() const {
  std::vector<Page> out;
  for (std::uint32_t s = 0; s < guards_.size(); ++s)
    for (std::uint64_t p = 0; p < guards_[s]->count; ++p)
      if (guards_[s]->touched[p].load(std::memory_order_relaxed)) out.push_back({s, p});
  return out;
}

}  // namespace heapglass
