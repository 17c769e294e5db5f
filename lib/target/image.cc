#include "lib/target/image.h"

#include <algorithm>

namespace heapglass {

Image::Image() : top_(new std::uint32_t[std::size_t{1} << (kAddressBits - 30)]()), leaves_(1024, kNone) {}

void Image::add(Segment segment, std::shared_ptr<void> owner) {
  segments_.push_back(segment);
  if (owner && (owners_.empty() || owners_.back() != owner)) owners_.push_back(std::move(owner));
}

void Image::seal() {
  std::sort(segments_.begin(), segments_.end(),
            [](const Segment& a, const Segment& b) { return value(a.start) < value(b.start); });
  std::vector<Segment> kept;
  heap_positions_ = 0;
  for (Segment s : segments_) {
    const std::uint64_t limit = std::uint64_t{1} << kAddressBits;
    if (s.size == 0 || value(s.start) >= limit || s.size > limit - value(s.start)) continue;
    if (!kept.empty() && value(s.start) < value(kept.back().start) + kept.back().size) continue;
    if (s.heap) {
      s.position = heap_positions_;
      // Whole words of a one-bit-per-8-bytes bitmap, so that two segments never share one.
      heap_positions_ += (s.size + 511) / 512 * 512;
    }
    kept.push_back(s);
  }
  segments_ = std::move(kept);
  std::fill_n(top_.get(), std::size_t{1} << (kAddressBits - 30), 0);
  leaves_.assign(1024, kNone);
  for (std::uint32_t i = 0; i < segments_.size(); ++i) {
    const std::uint64_t first = value(segments_[i].start) >> 20;
    const std::uint64_t last = (value(segments_[i].start) + segments_[i].size - 1) >> 20;
    for (std::uint64_t piece = first; piece <= last; ++piece) {
      std::uint32_t& leaf = top_[piece >> 10];
      if (leaf == 0) {
        leaf = static_cast<std::uint32_t>(leaves_.size() >> 10);
        leaves_.resize(leaves_.size() + 1024, kNone);
      }
      std::uint32_t& slot = leaves_[std::size_t{leaf} << 10 | (piece & 1023)];
      if (slot == kNone) slot = i;
    }
  }
}

void Image::guard(const std::vector<std::shared_ptr<const SegmentGuard>>& guards) {
  guards_ = guards;
  for (std::size_t i = 0; i < segments_.size(); ++i)
    segments_[i].guard = i < guards.size() ? guards[i].get() : nullptr;
}

bool Image::read(Address from, std::span<std::byte> to) const {
  // Adjacent segments read as one: a block may cross the border of two mappings.
  while (!to.empty()) {
    const Segment* s = find(from);
    if (!s) return false;
    const std::size_t n = std::min<std::uint64_t>(to.size(), s->size - (from - s->start));
    if (s->guard && !s->guard->ready(from - s->start, n)) return false;
    std::memcpy(to.data(), s->bytes + (from - s->start), n);
    to = to.subspan(n);
    from = from + n;
  }
  return true;
}

std::shared_ptr<Image> unrecorded_view(const std::shared_ptr<Image>& image) {
  auto same = std::make_shared<Image>();
  for (Image::Segment s : image->segments()) {
    s.guard = nullptr;
    same->add(s, image);
  }
  same->seal();
  return same;
}

}  // namespace heapglass
