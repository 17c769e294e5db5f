#include "lib/snapshot/saved_memory.h"

#include <algorithm>

#include "lib/base/large_array.h"
#include "lib/base/parallel.h"
#include "lib/python/words.h"
#include "lib/snapshot/kept_pages.h"
#include "lib/snapshot/object_addresses.h"
#include "lib/snapshot/word_codec.h"

namespace heapglass {
namespace {

using Pages = std::vector<TouchedPages::Page>;

std::shared_ptr<const Pages> save_page_numbers(SnapshotWriter& writer, const Image& image,
                                               const TouchedPages& touched) {
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
void copy_page(const Image& image, TouchedPages::Page page, std::byte* out) {
  const Image::Segment& s = image.segments()[page.segment];
  const std::uint64_t offset = page.page * kSnapshotPage, there = std::min(kSnapshotPage, s.size - offset);
  std::memcpy(out, s.bytes + offset, there);
  std::memset(out + there, 0, kSnapshotPage - there);
}

// Where its bytes are, if it is not the last of its segment and shorter.
const std::byte* whole_page(const Image& image, TouchedPages::Page page) {
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

}  // namespace

void save_pages(SnapshotWriter& writer, const Image& image, const TouchedPages& touched) {
  const auto kept = save_page_numbers(writer, image, touched);
  writer.add("memory.bytes", 1, Transform::kNone, kept->size() * kSnapshotPage,
             kPagesPerBlock * kSnapshotPage,
             [kept, &image](std::uint64_t first, std::uint64_t n, std::byte* out) {
               for (std::uint64_t at = first; at < first + n; at += kSnapshotPage, out += kSnapshotPage)
                 copy_page(image, (*kept)[at / kSnapshotPage], out);
             });
}

void save_words(SnapshotWriter& writer, const Image& image, const TouchedPages& touched,
                const HeapGraph& graph) {
  const auto kept = save_page_numbers(writer, image, touched);
  const auto masks = std::make_shared<std::vector<WordMask>>();
  std::vector<std::uint64_t> first_word{0};
  for (const TouchedPages::Page& page : *kept) {
    masks->push_back(touched.read_of(page));
    first_word.push_back(first_word.back() + count_words(masks->back()));
  }
  const std::shared_ptr<std::uint64_t[]> coded = large_array<std::uint64_t>(first_word.back());
  parallel_for((kept->size() + kWordGroup - 1) / kWordGroup, [&](std::size_t group, unsigned) {
    const std::size_t first = group * kWordGroup, end = std::min(first + kWordGroup, kept->size());
    const auto start_of = [&](std::size_t p) {
      return image.segments()[(*kept)[p].segment].start + (*kept)[p].page * kSnapshotPage;
    };
    const Near near = objects_near(graph, start_of(first), start_of(end - 1) + (kSnapshotPage - 8));
    WordCodec codec(near.addresses, near.type, graph.types.size());
    codec.begin_group(start_of(first));
    std::array<std::byte, kSnapshotPage> cut_short;
    for (std::size_t p = first; p < end; ++p) {
      const TouchedPages::Page page = (*kept)[p];
      const Address start = start_of(p);
      const std::byte* words = whole_page(image, page);
      if (!words) {
        copy_page(image, page, cut_short.data());
        words = cut_short.data();
      }
      const WordMask blank = touched.blank_of(page);
      std::uint64_t at = first_word[p];
      each_word((*masks)[p], [&](std::uint64_t w) {
        const bool hidden = blank[w / 64] >> (w % 64) & 1;
        const Address a = start + w * 8;
        coded[at++] =
            codec.encode(a, hidden ? touched.seen_of_blank(a, word_at(words, w)) : word_at(words, w));
      });
    }
  });
  writer.column<std::uint64_t>(
      "memory.mask", masks->size() * WordMask().size(), Transform::kNone,
      [masks](std::uint64_t i) { return (*masks)[i / WordMask().size()][i % WordMask().size()]; });
  writer.column<std::uint64_t>("memory.words", first_word.back(), Transform::kNone,
                               [coded](std::uint64_t i) { return coded[i]; });
}

std::shared_ptr<Image> load_memory(std::shared_ptr<const SnapshotFile> file, std::uint64_t most_bytes) {
  const auto starts = file->column<std::uint64_t>("memory.segment.start");
  const auto sizes = file->column<std::uint64_t>("memory.segment.size", starts.size());
  const auto heap = file->column<std::uint8_t>("memory.segment.heap", starts.size());
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const bool behind = i == 0 || (starts[i] > starts[i - 1] && starts[i] - starts[i - 1] >= sizes[i - 1]);
    if (sizes[i] == 0 || sizes[i] > most_bytes || !behind || starts[i] >> 47 ||
        (all += sizes[i]) > most_bytes)
      file->fail("memory.segment", "the pieces of memory are not in order, or none that there could be");
  }
  const auto pages = std::make_shared<const KeptPages>(file, starts, sizes);
  auto image = std::make_shared<Image>();
  for (std::size_t i = 0; i < starts.size(); ++i)
    image->add(
        {.start = Address{starts[i]}, .size = sizes[i], .bytes = pages->bytes(i), .heap = heap[i] != 0},
        nullptr);
  image->seal();
  if (image->segments().size() != starts.size())
    file->fail("memory.segment", "there is a piece of memory that no process can have");
  image->guard(KeptPages::guards(pages));
  return image;
}

}  // namespace heapglass
