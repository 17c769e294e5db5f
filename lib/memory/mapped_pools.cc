#include "lib/memory/mapped_pools.h"

#include <algorithm>
#include <map>
#include <optional>

#include "lib/base/page.h"
#include "lib/python/words.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kMostScanned = 256 << 20;  // bytes of pools that are looked through, in all
constexpr std::uint64_t kMostOfRegion = 8 << 20;   // and of each
constexpr std::uint64_t kMostOfBlock = 4096;
constexpr std::uint64_t kLeastPool = 64 << 10;  // what is less is worth no row of its own
constexpr std::uint32_t kNobody = ~std::uint32_t{0};

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// The C library leads to everything that it has given out, and says nothing of whose it is.
bool is_of_the_system(const std::string& file) {
  for (const char* name : {"libc.so", "libc-2.", "ld-linux", "ld-2.", "ld-musl", "libpthread", "libdl",
                           "libm.so", "libgcc_s", "libstdc++", "librt", "libc.musl"})
    if (file.starts_with(name)) return true;
  return false;
}
// Nor do the interpreter and its own modules, whose variables lead to what others have.
bool names_nobody(const std::string& file) {
  return is_of_the_system(file) || file.starts_with("libpython") || file.starts_with("python");
}

class PoolLibraries {
 public:
  PoolLibraries(const Capture& capture, const MemoryParts& parts, std::vector<PoolRegion>& regions)
      : capture_(capture), parts_(parts), regions_(regions), owner_(regions.size(), kNobody) {
    find_libraries();
  }

  void find() {
    if (regions_.empty()) return;
    follow_variables();
    follow_pools();
    if (any_left()) ask_blocks();
    if (any_left()) ask_regions();
    follow_pools();
    for (std::size_t r = 0; r < regions_.size(); ++r)
      if (owner_[r] != kNobody) regions_[r].library = names_[owner_[r]];
  }

 private:
  struct Piece {  // of a file that has code in it
    Address start{}, end{};
    std::uint32_t library = 0;
    bool data = false;
  };
  using Votes = std::map<std::uint32_t, std::uint64_t>;

  void find_libraries() {
    std::map<std::string, std::uint32_t> numbers;
    const Mappings& all = capture_.mappings;
    for (const Mapping& m : all)
      if (m.executable && m.has_file() && m.path.find("/lib-dynload/") == std::string::npos &&
          numbers.emplace(m.path, names_.size()).second)
        names_.push_back(file_name(m.path));
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Mapping& m = all[i];
      const auto at = numbers.find(m.path);
      if (m.has_file() && at != numbers.end()) {
        pieces_.push_back({m.start, m.end, at->second, m.writable && !m.shared});
      } else if (i > 0 && m.path.empty() && m.writable && !m.shared && !pieces_.empty() &&
                 pieces_.back().end == m.start && pieces_.back().data && all[i - 1].has_file()) {
        pieces_.push_back({m.start, m.end, pieces_.back().library, true});  // .bss, and what joined it
      }
    }
  }
  std::uint32_t library_at(std::uint64_t word) const {
    const auto at = std::upper_bound(pieces_.begin(), pieces_.end(), Address{word},
                                     [](Address a, const Piece& p) { return a < p.start; });
    return at != pieces_.begin() && Address{word} < (at - 1)->end ? (at - 1)->library : kNobody;
  }
  std::optional<std::size_t> region_at(std::uint64_t word) const {
    if (word < value(regions_.front().start) || word >= value(regions_.back().end)) return std::nullopt;
    const auto at = std::upper_bound(regions_.begin(), regions_.end(), Address{word},
                                     [](Address a, const PoolRegion& r) { return a < r.start; });
    if (at == regions_.begin() || Address{word} >= (at - 1)->end) return std::nullopt;
    return static_cast<std::size_t>(at - 1 - regions_.begin());
  }
  bool can_be_owned(std::size_t r) const {
    return owner_[r] == kNobody && !regions_[r].has_objects && regions_[r].bytes >= kLeastPool;
  }
  bool any_left() const {
    for (std::size_t r = 0; r < regions_.size(); ++r)
      if (can_be_owned(r)) return true;
    return false;
  }

  template <class Visit>
  void each_word(Address start, Address end, Visit visit) const {
    // Segment by segment: mappings have holes where nothing was copied.
    const auto& segments = capture_.image->segments();
    auto s = std::upper_bound(segments.begin(), segments.end(), start,
                              [](Address a, const Image::Segment& x) { return a < x.start; });
    if (s != segments.begin()) --s;
    for (; s != segments.end() && s->start < end; ++s) {
      const Address from{(value(std::max(s->start, start)) + 7) / 8 * 8};
      const Address to = std::min(s->start + s->size, end);
      if (from + 8 > to) continue;
      const std::uint64_t words = (to - from) / 8;
      const std::byte* const bytes = capture_.image->at(from, words * 8);
      if (!bytes) continue;
      for (std::uint64_t i = 0; i < words; ++i) visit(word_at(bytes, i));
    }
  }

  void take(std::map<std::size_t, Votes>& found) {
    for (const auto& [region, votes] : found) {
      if (!can_be_owned(region)) continue;
      owner_[region] = std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) {
                         return a.second < b.second;
                       })->first;
      waiting_.push_back(region);
    }
  }

  void follow_variables() {
    std::map<std::size_t, Votes> found;
    for (const Piece& p : pieces_) {
      const std::string& name = names_[p.library];
      if (!p.data || names_nobody(name)) continue;
      each_word(p.start, p.end, [&](std::uint64_t word) {
        if (const auto r = region_at(word); r && can_be_owned(*r)) ++found[*r][p.library];
      });
    }
    take(found);
  }

  void follow_pools() {
    while (!waiting_.empty() && budget_) {
      const std::size_t region = waiting_.back();
      waiting_.pop_back();
      const PoolRegion& r = regions_[region];
      const std::uint64_t size = std::min({r.end - r.start, kMostOfRegion, budget_});
      budget_ -= size;
      std::map<std::size_t, Votes> found;
      each_word(r.start, r.start + size, [&](std::uint64_t word) {
        if (const auto to = region_at(word); to && can_be_owned(*to)) ++found[*to][owner_[region]];
      });
      take(found);
    }
    waiting_.clear();
  }

  // Blocks of malloc that begin with a word of a library's, as C++ objects do.
  void ask_blocks() {
    std::map<std::size_t, Votes> found;
    constexpr std::uint64_t kChunkHeader = 16;
    for (const MemoryPart& p : parts_.parts) {
      if ((p.use() != PartUse::kMallocUsed && p.use() != PartUse::kBuffer) || p.size() > kMostOfBlock)
        continue;
      const std::byte* const bytes =
          p.size() > kChunkHeader ? capture_.image->at(p.start(), p.size()) : nullptr;
      if (!bytes) continue;
      std::uint32_t library = kNobody;
      for (std::uint64_t i = kChunkHeader / 8; i < p.size() / 8; ++i) {
        const std::uint64_t word = word_at(bytes, i);
        const auto r = region_at(word);
        if (!r || !can_be_owned(*r)) continue;
        if (library == kNobody) library = library_at(word_at(bytes, kChunkHeader / 8));
        if (library == kNobody) break;
        ++found[*r][library];
      }
    }
    drop_the_system(found);
    take(found);
  }

  // What lies in a region and leads to a library: tables of virtual functions, the library's own state.
  void ask_regions() {
    std::map<std::size_t, Votes> found;
    for (std::size_t region = 0; region < regions_.size() && budget_; ++region) {
      if (!can_be_owned(region)) continue;
      const PoolRegion& r = regions_[region];
      const std::uint64_t size = std::min({r.end - r.start, kMostOfRegion, budget_});
      budget_ -= size;
      each_word(r.start, r.start + size, [&](std::uint64_t word) {
        if (const std::uint32_t library = library_at(word); library != kNobody) ++found[region][library];
      });
    }
    drop_the_system(found);
    take(found);
  }

  void drop_the_system(std::map<std::size_t, Votes>& found) const {
    for (auto region = found.begin(); region != found.end();) {
      std::erase_if(region->second, [&](const auto& vote) { return names_nobody(names_[vote.first]); });
      region = region->second.empty() ? found.erase(region) : std::next(region);
    }
  }

  const Capture& capture_;
  const MemoryParts& parts_;
  std::vector<PoolRegion>& regions_;
  std::vector<std::uint32_t> owner_;  // by region
  std::vector<std::string> names_;    // of libraries
  std::vector<Piece> pieces_;         // in order of address
  std::vector<std::size_t> waiting_;  // regions with a library that have not been looked through
  std::uint64_t budget_ = kMostScanned;
};

}  // namespace

void find_pool_libraries(const Capture& capture, const MemoryParts& parts, std::vector<PoolRegion>& regions) {
  PoolLibraries(capture, parts, regions).find();
}

}  // namespace heapglass
