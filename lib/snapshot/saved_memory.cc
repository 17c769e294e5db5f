#include "lib/snapshot/saved_memory.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>

#include "lib/base/large_array.h"
#include "lib/base/parallel.h"
#include "lib/python/words.h"
#include "lib/snapshot/object_addresses.h"
#include "lib/snapshot/snapshot_pages.h"
#include "lib/snapshot/word_codec.h"

namespace heapglass {
namespace {

using Pages = std::vector<ReadRecorder::Page>;

std::shared_ptr<const Pages> save_page_numbers(SnapshotWriter& writer, const Image& image,
                                               const ReadRecorder& touched) {
  const auto& segments = image.segments();
  std::vector<std::uint64_t> first_page;
  std::uint64_t pages = 0;
  for (const Image::Segment& s : segments) {
    first_page.push_back(pages);
    pages += snapshot_pages(s.size);
  }
  writer.column<std::uint64_t>("memory.segment.start", segments.size(), Transform::kDelta,
                               [&segments](std::uint64_t i) { return value(segments[i].start); });
  writer.column<std::uint64_t>("memory.segment.size", segments.size(), Transform::kNone,
                               [&segments](std::uint64_t i) { return segments[i].size; });
  writer.column<std::uint8_t>("memory.segment.heap", segments.size(), Transform::kNone,
                              [&segments](std::uint64_t i) { return segments[i].heap; });
  const auto kept = std::make_shared<const Pages>(touched.pages());
  writer.column<std::uint64_t>(
      "memory.page", kept->size(), Transform::kDelta,
      [kept, first_page](std::uint64_t i) { return first_page[(*kept)[i].segment] + (*kept)[i].page; });
  return kept;
}

// A page's bytes, behind the end of its segment zeros.
void copy_page(const Image& image, ReadRecorder::Page page, std::byte* out) {
  const Image::Segment& s = image.segments()[page.segment];
  const std::uint64_t offset = page.page * kSnapshotPage, there = std::min(kSnapshotPage, s.size - offset);
  std::memcpy(out, s.bytes + offset, there);
  std::memset(out + there, 0, kSnapshotPage - there);
}

// Where its bytes are, if it is not the last of its segment and shorter.
const std::byte* whole_page(const Image& image, ReadRecorder::Page page) {
  const Image::Segment& s = image.segments()[page.segment];
  const std::uint64_t offset = page.page * kSnapshotPage;
  return s.size - offset >= kSnapshotPage ? s.bytes + offset : nullptr;
}

// Those of the graph's objects from which the words of [first, last] are coded: the ones in there, the last
// before and the first behind.
struct Near {
  std::vector<std::uint64_t> addresses;
  std::span<const std::uint32_t> type;
};

Near objects_near(const HeapGraph& graph, Address first, Address last) {
  const AddressIndex& index_of = *graph.index;
  const auto up_to = [&](Address a) {  // how many objects are not above
    std::uint32_t low = 0, high = graph.nodes();
    while (low < high) {
      const std::uint32_t middle = low + (high - low) / 2;
      if (index_of.address(NodeId{middle}) <= a)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  };
  const std::uint32_t before = up_to(first), begin = before ? before - 1 : 0;
  const std::uint32_t end = std::min(up_to(last) + 1, graph.nodes());
  Near near;
  near.type = std::span(graph.type).subspan(begin, end - begin);
  near.addresses.reserve(end - begin);
  each_address(index_of, begin, end, [&](Address a) { near.addresses.push_back(value(a)); });
  return near;
}

// The words of all kept pages, coded. A group is coded when the first of its words are asked for and let go
// with the last: each is asked for once, and all of them would be half of the heap.
class CodedWords {
 public:
  // `kept` apart, all borrowed.
  CodedWords(const Image& image, const ReadRecorder& touched, const HeapGraph& graph,
             std::shared_ptr<const Pages> kept)
      : image_(image), touched_(touched), graph_(graph), kept_(std::move(kept)) {
    first_word_.push_back(0);
    for (const ReadRecorder::Page& page : *kept_) {
      masks_.push_back(touched.read_of(page));
      first_word_.push_back(first_word_.back() + count_words(masks_.back()));
    }
    groups_ = std::vector<Group>((kept_->size() + kWordGroup - 1) / kWordGroup);
    for (std::size_t g = 0; g < groups_.size(); ++g) groups_[g].left = end_of(g) - begin_of(g);
  }
  std::uint64_t size() const { return first_word_.back(); }
  std::uint64_t mask_word(std::uint64_t i) const {
    return masks_[i / WordMask().size()][i % WordMask().size()];
  }

  // From many threads.
  void take(std::uint64_t first, std::uint64_t n, std::byte* out) {
    const auto behind =
        std::upper_bound(groups_.begin(), groups_.end(), first, [&](std::uint64_t word, const Group& g) {
          return word < begin_of(static_cast<std::size_t>(&g - groups_.data()));
        });
    for (auto g = static_cast<std::size_t>(behind - groups_.begin()) - 1; n > 0; ++g) {
      Group& group = groups_[g];
      const std::uint64_t count = std::min(n, end_of(g) - first);
      if (count == 0) continue;
      std::call_once(group.coded, [&] {
        group.words = room();
        code(g, group.words.get());
      });
      std::memcpy(out, group.words.get() + (first - begin_of(g)), count * sizeof(std::uint64_t));
      if (group.left.fetch_sub(count) == count) {
        const std::lock_guard lock(mutex_);
        free_.push_back(std::move(group.words));
      }
      first += count;
      n -= count;
      out += count * sizeof(std::uint64_t);
    }
  }

 private:
  using Words = std::shared_ptr<std::uint64_t[]>;
  struct Group {
    std::once_flag coded;
    Words words;
    std::atomic<std::uint64_t> left{0};  // words that were not asked for yet
  };

  std::uint64_t begin_of(std::size_t group) const { return first_word_[group * kWordGroup]; }
  std::uint64_t end_of(std::size_t group) const {
    return first_word_[std::min<std::size_t>((group + 1) * kWordGroup, kept_->size())];
  }
  Words room() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        Words words = std::move(free_.back());
        free_.pop_back();
        return words;
      }
    }
    return large_array<std::uint64_t>(kWordGroup * kSnapshotPage / sizeof(std::uint64_t));
  }
  Address start_of(std::size_t p) const {
    return image_.segments()[(*kept_)[p].segment].start + (*kept_)[p].page * kSnapshotPage;
  }
  void code(std::size_t group, std::uint64_t* out) const {
    const std::size_t first = group * kWordGroup, end = std::min(first + kWordGroup, kept_->size());
    const Near near = objects_near(graph_, start_of(first), start_of(end - 1) + (kSnapshotPage - 8));
    WordCodec codec(near.addresses, near.type, graph_.types.size());
    codec.begin_group(start_of(first));
    std::array<std::byte, kSnapshotPage> cut_short;
    for (std::size_t p = first; p < end; ++p) {
      const ReadRecorder::Page page = (*kept_)[p];
      const Address start = start_of(p);
      const std::byte* words = whole_page(image_, page);
      if (!words) {
        copy_page(image_, page, cut_short.data());
        words = cut_short.data();
      }
      const WordMask blank = touched_.blank_of(page);
      each_word(masks_[p], [&](std::uint64_t w) {
        const bool hidden = blank[w / 64] >> (w % 64) & 1;
        const Address a = start + w * 8;
        *out++ = codec.encode(a, hidden ? touched_.redacted_value(a, word_at(words, w)) : word_at(words, w));
      });
    }
  }

  const Image& image_;
  const ReadRecorder& touched_;
  const HeapGraph& graph_;
  const std::shared_ptr<const Pages> kept_;
  std::vector<WordMask> masks_;            // by kept page
  std::vector<std::uint64_t> first_word_;  // by kept page, and one more
  std::vector<Group> groups_;
  std::mutex mutex_;
  std::vector<Words> free_;
};

}  // namespace

void save_pages(SnapshotWriter& writer, const Image& image, const ReadRecorder& touched) {
  const auto kept = save_page_numbers(writer, image, touched);
  writer.add("memory.bytes", 1, Transform::kNone, kept->size() * kSnapshotPage,
             kPagesPerBlock * kSnapshotPage,
             [kept, &image](std::uint64_t first, std::uint64_t n, std::byte* out) {
               for (std::uint64_t at = first; at < first + n; at += kSnapshotPage, out += kSnapshotPage)
                 copy_page(image, (*kept)[at / kSnapshotPage], out);
             });
}

void save_words(SnapshotWriter& writer, const Image& image, const ReadRecorder& touched,
                const HeapGraph& graph) {
  const auto kept = save_page_numbers(writer, image, touched);
  const auto words = std::make_shared<CodedWords>(image, touched, graph, kept);
  writer.column<std::uint64_t>("memory.mask", kept->size() * WordMask().size(), Transform::kNone,
                               [words](std::uint64_t i) { return words->mask_word(i); });
  writer.add("memory.words", sizeof(std::uint64_t), Transform::kNone, words->size(),
             kMostBlockBytes / sizeof(std::uint64_t),
             [words](std::uint64_t first, std::uint64_t n, std::byte* out) { words->take(first, n, out); });
}

std::shared_ptr<Image> load_memory(const std::shared_ptr<const SnapshotFile>& file,
                                   std::uint64_t most_bytes) {
  const auto starts = file->column<std::uint64_t>("memory.segment.start");
  const auto sizes = file->column<std::uint64_t>("memory.segment.size", starts.size());
  const auto heap = file->column<std::uint8_t>("memory.segment.heap", starts.size());
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const bool behind = i == 0 || (starts[i] > starts[i - 1] && starts[i] - starts[i - 1] >= sizes[i - 1]);
    all += std::min(sizes[i], most_bytes);
    if (sizes[i] == 0 || sizes[i] > most_bytes || !behind || starts[i] >> 47 || all > most_bytes)
      file->fail("memory.segment", "the pieces of memory are not in order, or none that there could be");
  }
  const auto pages = std::make_shared<const SnapshotPages>(file, starts, sizes);
  auto image = std::make_shared<Image>();
  for (std::size_t i = 0; i < starts.size(); ++i)
    image->add(
        {.start = Address{starts[i]}, .size = sizes[i], .bytes = pages->bytes(i), .heap = heap[i] != 0},
        nullptr);
  image->seal();
  if (image->segments().size() != starts.size())
    file->fail("memory.segment", "there is a piece of memory that no process can have");
  image->guard(SnapshotPages::guards(pages));
  return image;
}

}  // namespace heapglass
