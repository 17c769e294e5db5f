#include "lib/open/family_sharing.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/page.h"
#include "platform/process/page_map.h"
#include "platform/process/process.h"
#include "platform/process/resident_memory.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kFrame = (std::uint64_t{1} << 55) - 1;  // bits of an entry of pagemap

bool is_own(std::uint64_t entry) { return entry >> 56 & 1; }
bool is_of_file(std::uint64_t entry) { return entry >> 61 & 1; }

// How many pages of a mapping how many of the family map.
struct Shares {
  double of_all = 0, of_some = 0, with_others = 0;
  double sum() const { return of_all + of_some + with_others; }
};

class FamilyPages {
 public:
  explicit FamilyPages(std::size_t members) : members_(members) {}

  bool by_frames() const { return by_frames_; }

  // First for all processes.
  void count(pid_t pid) {
    each_shared(pid, [&](std::size_t, std::uint64_t key) { ++mapped_by_[key]; });
  }

  // Then for each, as parts of its Pss.
  MemberSharing parts(pid_t pid) {
    MemberSharing out{.pid = pid};
    const MappingUse whole = read_process_use(pid);
    std::vector<MappingUse> uses = read_mapping_uses(pid);
    std::vector<Shares> shares(uses.size());
    std::uint64_t own_file_pages = 0, own_pages = 0;
    each_page(pid, uses, [&](std::size_t mapping, std::uint64_t key, std::uint64_t entry) {
      if (is_own(entry)) {
        ++own_pages;
        own_file_pages += is_of_file(entry);
        return;
      }
      const auto at = mapped_by_.find(key);
      const double by = at == mapped_by_.end() ? 1 : at->second;
      (by <= 1                               ? shares[mapping].with_others
       : by >= static_cast<double>(members_) ? shares[mapping].of_all
                                             : shares[mapping].of_some) += 1 / by;
    });
    // The kernel counts who else maps a page, which only it can see: of its figure for each mapping the three
    // kinds have the parts that the pages have.
    Shares bytes;
    for (std::size_t i = 0; i < uses.size(); ++i) {
      const double shared = static_cast<double>(uses[i].proportional) - static_cast<double>(uses[i].own);
      if (shared <= 0 || shares[i].sum() <= 0) continue;
      bytes.of_all += shared * shares[i].of_all / shares[i].sum();
      bytes.of_some += shared * shares[i].of_some / shares[i].sum();
      bytes.with_others += shared * shares[i].with_others / shares[i].sum();
    }
    fit(whole, bytes, own_pages ? static_cast<double>(own_file_pages) / static_cast<double>(own_pages) : 0,
        out);
    return out;
  }

 private:
  // So that the parts add up to the kernel's sum, which rounds less often than those of the mappings.
  static void fit(const MappingUse& whole, const Shares& bytes, double files, MemberSharing& out) {
    out.pss = whole.proportional;
    const std::uint64_t own = std::min(whole.own, whole.proportional);
    out.own_files = static_cast<std::uint64_t>(static_cast<double>(own) * files);
    out.own_anonymous = own - out.own_files;
    const std::uint64_t shared = out.pss - own;
    if (bytes.sum() <= 0) {
      out.with_others = shared;
      return;
    }
    const double scale = static_cast<double>(shared) / bytes.sum();
    out.of_some = std::min(shared, static_cast<std::uint64_t>(bytes.of_some * scale));
    out.with_others = std::min(shared - out.of_some, static_cast<std::uint64_t>(bytes.with_others * scale));
    out.of_all = shared - out.of_some - out.with_others;
  }

  template <class Visit>
  void each_shared(pid_t pid, Visit visit) {
    each_page(pid, read_mapping_uses(pid), [&](std::size_t mapping, std::uint64_t key, std::uint64_t entry) {
      if (!is_own(entry)) visit(mapping, key);
    });
  }

  // visit(mapping, key, entry) of every page in memory. Pages of a mapping that has nothing there are not
  // looked at, and neither is the kernel's page of zeros, which RSS and Pss do not count.
  template <class Visit>
  void each_page(pid_t pid, const std::vector<MappingUse>& uses, Visit visit) {
    const PageMap pages(pid);
    if (!pages) return;
    Mappings mappings;
    try {
      mappings = Process::open(pid).mappings();
    } catch (const Error&) {
      return;  // gone meanwhile
    }
    for (std::size_t i = 0; i < uses.size(); ++i) {
      if (uses[i].own + uses[i].mapped_by_others == 0) continue;
      const Mapping* const mapping = find_mapping(mappings, uses[i].start);
      const Range whole{value(uses[i].start), value(uses[i].end)};
      for (const Range& run : runs_with_content(pages, whole))
        pages.each(run, [&](std::uint64_t at, std::uint64_t entry) {
          if (PageMap::is_present(entry)) visit(i, key_of(at, entry, mapping), entry);
        });
    }
  }

  std::uint64_t key_of(std::uint64_t at, std::uint64_t entry, const Mapping* mapping) {
    if (const std::uint64_t frame = entry & kFrame) return frame;
    by_frames_ = false;
    constexpr int kFileShift = 40;  // pages of 4 PB of addresses or a file
    if (!mapping || !mapping->has_file() || !is_of_file(entry)) return at / kPage;
    const auto file = std::pair(mapping->device, mapping->inode);
    const std::uint64_t number = files_.emplace(file, files_.size() + 1).first->second;
    return number << kFileShift | (mapping->file_offset + (at - value(mapping->start))) / kPage;
  }

  const std::size_t members_;
  bool by_frames_ = true;
  std::unordered_map<std::uint64_t, std::uint32_t> mapped_by_;  // by key: how many of the family
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> files_;
};

}  // namespace

FamilySharing read_family_sharing(const std::vector<pid_t>& pids) {
  FamilyPages pages(pids.size());
  for (const pid_t pid : pids) pages.count(pid);
  FamilySharing out;
  for (const pid_t pid : pids) out.members.push_back(pages.parts(pid));
  out.by_frames = pages.by_frames();
  return out;
}

}  // namespace heapglass
