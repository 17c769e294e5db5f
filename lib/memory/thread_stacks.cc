#include "lib/memory/thread_stacks.h"

#include <algorithm>

#include "lib/base/page.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kThreadData =
    0x900;  // sizeof(struct pthread) of glibc, all versions so far a bit less

// glibc keeps a thread's data, to which its thread pointer points, at the upper end of its stack, and in
// there where the block of both begins and how long it is. What mmap gave to others may touch that end.
Address end_of(const Image& image, const ThreadRegisters& t, const Mapping& m) {
  if (t.thread_pointer < t.stack_pointer || t.thread_pointer >= m.end) return m.end;
  for (std::uint64_t at = 0; at + 16 <= kThreadData; at += 8) {
    std::uint64_t block = 0, size = 0;
    if (!image.load(t.thread_pointer + at, block) || !image.load(t.thread_pointer + at + 8, size)) break;
    const bool fits = block % kPage == 0 && size % kPage == 0 && block <= value(t.stack_pointer) &&
                      size <= value(m.end) && block + size > value(t.thread_pointer) &&
                      block + size <= value(m.end);
    if (fits) return Address{block + size};
  }
  return std::min(m.end, Address{(value(t.thread_pointer) + kThreadData + kPage - 1) / kPage * kPage});
}

}  // namespace

std::vector<ThreadStack> thread_stacks(const Capture& capture) {
  std::vector<ThreadStack> stacks;
  for (const ThreadRegisters& t : capture.threads) {
    const Mapping* const m = find_mapping(capture.mappings, t.stack_pointer);
    if (!m || !m->writable || m->path == "[heap]") continue;
    const Address end = m->path.starts_with("[stack") ? m->end : end_of(*capture.image, t, *m);
    stacks.push_back({t.tid, m->start, end - m->start});
  }
  std::sort(stacks.begin(), stacks.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  const auto same = [](const auto& a, const auto& b) { return b.start < a.start + a.size; };
  stacks.erase(std::unique(stacks.begin(), stacks.end(), same), stacks.end());
  return stacks;
}

}  // namespace heapglass
