#include "platform/process/private_pages.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "platform/process/page_map.h"

namespace heapglass {
namespace {

// What a page of a private mapping is to one process.
bool is_own(std::uint64_t entry) { return PageMap::is_private_copy(entry) && (entry >> 56 & 1); }

// A mapping of the master from which that of the child can have come.
bool is_inherited(const Mapping& mapping, const Mapping* of_master, Address page) {
  if (!of_master || of_master->shared || of_master->device != mapping.device ||
      of_master->inode != mapping.inode)
    return false;
  return !mapping.has_file() ||
         mapping.file_offset + (page - mapping.start) == of_master->file_offset + (page - of_master->start);
}

class Comparison {
 public:
  Comparison(const Process& process, const Image& image, const Process& master)
      : process_(process),
        image_(image),
        master_(master),
        of_child_(process.pid()),
        of_master_(master.pid()) {
    if (of_child_ && of_master_) master_mappings_ = master.mappings();
  }

  void add(const Mapping& mapping, PrivatePages& out) {
    if (!of_child_ || !of_master_) return;
    constexpr std::uint64_t kAtOnce = 256 * kPage;
    for (std::uint64_t at = value(mapping.start); at < value(mapping.end); at += kAtOnce)
      add_chunk(mapping, {at, std::min(at + kAtOnce, value(mapping.end))}, out);
  }

 private:
  void add_chunk(const Mapping& mapping, Range range, PrivatePages& out) {
    std::vector<std::uint64_t> own;
    of_child_.each(range, [&](std::uint64_t at, std::uint64_t entry) {
      if (is_own(entry)) own.push_back(at);
    });
    if (own.empty()) return;
    const Range touched{own.front(), own.back() + kPage};
    std::vector<std::uint64_t> entries(touched.size() / kPage);
    of_master_.each(touched, [&](std::uint64_t at, std::uint64_t entry) {
      entries[(at - touched.start) / kPage] = entry;
    });
    for (std::size_t i = 0; i < own.size();) {
      const auto can_compare = [&](std::uint64_t page) {
        return PageMap::is_present(entries[(page - touched.start) / kPage]) &&
               is_inherited(mapping, find_mapping(master_mappings_, Address{page}), Address{page});
      };
      std::size_t end = i + 1;
      if (!can_compare(own[i])) {
        const bool swapped =
            PageMap::is_swapped(entries[(own[i] - touched.start) / kPage]) &&
            is_inherited(mapping, find_mapping(master_mappings_, Address{own[i]}), Address{own[i]});
        // Of a file's page that is not in memory the master has what is in the file, which is not read for
        // this.
        const bool of_file = mapping.has_file();
        out.push_back({.start = Address{own[i]},
                       .origin = swapped || of_file ? PageOrigin::kNotCompared : PageOrigin::kNew,
                       .words = {}});
        i = end;
        continue;
      }
      while (end < own.size() && own[end] == own[end - 1] + kPage && can_compare(own[end])) ++end;
      compare({own[i], own[end - 1] + kPage}, out);
      i = end;
    }
  }

  void compare(Range run, PrivatePages& out) {
    of_master_bytes_.resize(run.size());
    const bool readable = master_.read(Address{run.start}, of_master_bytes_);
    for (std::uint64_t at = run.start; at < run.end; at += kPage) {
      PrivatePage page{.start = Address{at}, .origin = PageOrigin::kNotCompared, .words = {}};
      const std::byte* const own = readable ? bytes_of(Address{at}) : nullptr;
      if (own) compare_words(own, of_master_bytes_.data() + (at - run.start), page);
      out.push_back(page);
    }
  }

  static void compare_words(const std::byte* own, const std::byte* of_master, PrivatePage& page) {
    page.origin = PageOrigin::kCompared;
    bool zeros = true;
    for (std::size_t i = 0; i < PrivatePage::kWords; ++i) {
      std::uint64_t a, b;
      std::memcpy(&a, own + 8 * i, 8);
      std::memcpy(&b, of_master + 8 * i, 8);
      zeros = zeros && b == 0;
      if (a != b) page.words.set(i);
    }
    // The kernel's page of zeros, which the master has read and never written.
    if (zeros && page.words.any()) page.origin = PageOrigin::kNew;
  }

  const std::byte* bytes_of(Address page) {
    if (const std::byte* const captured = image_.at(page, kPage)) return captured;
    own_bytes_.resize(kPage);
    return process_.read(page, own_bytes_) ? own_bytes_.data() : nullptr;
  }

  const Process& process_;
  const Image& image_;
  const Process& master_;
  const PageMap of_child_, of_master_;
  Mappings master_mappings_;
  std::vector<std::byte> of_master_bytes_, own_bytes_;
};

}  // namespace

PrivatePages private_pages(const Process& process, const Mappings& mappings, const Image& image,
                           const Process& master) {
  PrivatePages out;
  Comparison comparison(process, image, master);
  for (const Mapping& mapping : mappings) {
    if (mapping.shared || mapping.path.starts_with("[vvar") || mapping.path == "[vdso]" ||
        mapping.path == "[vsyscall]")
      continue;
    comparison.add(mapping, out);
  }
  return out;
}

}  // namespace heapglass
