#include "lib/leaks/growing_owners.h"

#include <algorithm>

#include "lib/leaks/suspect_growth.h"
#include "lib/python/describe.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kFewestBytes = 65'536;
constexpr std::uint64_t kPartOfAll = 10;  // of all growth, one part in so many

// As suspects are called: "app.Holder.current" and not "class app.Holder.current".
std::string name_of(const Owner& owner) {
  constexpr std::string_view kClass = "class ";
  return owner.path.starts_with(kClass) ? owner.path.substr(kClass.size()) : owner.path;
}

bool is_in(const LeakSearch& search, NodeId n, NodeId holder) {
  constexpr int kFarthest = 1000;
  for (int i = 0; i < kFarthest && n != kNoNode; ++i, n = search.dominators().dominator(n))
    if (n == holder) return true;
  return false;
}

// By its name, because the suspect covers it, or because what grew in the one is what grew in the other.
bool is_suspected(const LeakSearch& search, const std::vector<Suspect>& suspects, const Owner& owner,
                  std::uint64_t grown) {
  const std::string name = name_of(owner);
  return std::any_of(suspects.begin(), suspects.end(), [&](const Suspect& s) {
    if (!s.growth || !s.growth->is) return false;
    if (std::find(s.covers.begin(), s.covers.end(), owner.node) != s.covers.end()) return true;
    if (s.node == owner.node || is_part_of(name, s.owner) || is_part_of(s.owner, name)) return true;
    return s.node != kNoNode && s.growth->bytes > 0 &&
           static_cast<std::uint64_t>(s.growth->bytes) >= grown / 2 &&
           (is_in(search, s.node, owner.node) || is_in(search, owner.node, s.node));
  });
}

std::uint64_t bytes_of(const OwnerSums& sums, const std::string& path) {
  const auto at = sums.find(path);
  return at == sums.end() ? 0 : at->second.bytes;
}

SuspectGrowth growth_of(const std::string& path, const OwnerSum& now, const std::vector<OwnerSums>& before) {
  const auto first = before[0].find(path);
  const OwnerSum then = first == before[0].end() ? OwnerSum{} : first->second;
  SuspectGrowth growth{.bytes = static_cast<std::int64_t>(now.bytes - then.bytes),
                       .objects = static_cast<std::int64_t>(now.objects - then.objects),
                       .is = true,
                       .looks = static_cast<int>(before.size())};
  for (std::size_t i = 0; i < before.size(); ++i)
    growth.grew +=
        (i + 1 < before.size() ? bytes_of(before[i + 1], path) : now.bytes) > bytes_of(before[i], path);
  return growth;
}

}  // namespace

OwnerSums sums_of(const Owners& owners) {
  OwnerSums sums;
  for (const Owner& owner : owners.owners) {
    OwnerSum& sum = sums[owner.path];
    sum.objects += owner.objects;
    sum.bytes += owner.bytes;
  }
  return sums;
}

void add_growing_owners(const LeakSearch& search, const Owners& last, const std::vector<OwnerSums>& before,
                        std::vector<Suspect>& suspects) {
  if (before.empty()) return;
  const OwnerSums now = sums_of(last);
  std::uint64_t grown = 0;
  for (const auto& [path, sum] : now) grown += sum.bytes - std::min(sum.bytes, bytes_of(before[0], path));
  const std::uint64_t fewest = std::max(kFewestBytes, grown / kPartOfAll);
  const std::size_t known = suspects.size();
  std::map<std::string, bool> met;
  for (const Owner& owner : last.owners) {
    // What is called by no object is C code, garbage, a thread as a whole.
    if (owner.node == kNoNode || !met.try_emplace(owner.path).second) continue;
    const OwnerSum& sum = now.at(owner.path);
    const std::uint64_t then = bytes_of(before[0], owner.path);
    if (sum.bytes < then + fewest || is_suspected(search, suspects, owner, sum.bytes - then)) continue;
    // The names are whoever's uses them.
    if (is_interned_table(search.objects(), search.address(owner.node))) continue;
    Suspect s{.pattern = "growing-owner", .node = owner.node, .owner = name_of(owner), .bytes = sum.bytes};
    s.retained = search.dominators().retained_bytes(owner.node);
    s.objects = sum.objects;
    // A class has the names of its instances' attributes up to 3.10, which are theirs.
    s.certainty = search.type_of(owner.node).flags & kTpTypeSubclass ? 0.1 : 0.6;
    s.growth = growth_of(owner.path, sum, before);
    s.evidence =
        owner.what + ": " + format_count(sum.objects, "object", "objects") + " hang in it" +
        (s.growth->objects > 0 ? std::string() : ", as many as before or fewer: what is there has grown");
    s.cure =
        "Look at what puts ever more there: heapglass diff tells the types, and heapglass retained what "
        "keeps "
        "most now.";
    s.path = search.path_of(search.path_to(owner.node));
    suspects.push_back(std::move(s));
  }
  if (suspects.size() > known) sort_by_growth(suspects);
}

}  // namespace heapglass
