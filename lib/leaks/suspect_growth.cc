#include "lib/leaks/suspect_growth.h"

#include <algorithm>
#include <map>

namespace heapglass {
namespace {

const Suspect* find_same(const std::vector<Suspect>& look, const Suspect& s) {
  const auto at = std::find_if(look.begin(), look.end(), [&](const Suspect& each) {
    return each.pattern == s.pattern && each.owner == s.owner;
  });
  return at == look.end() ? nullptr : &*at;
}

// There are more of them, or the same ones keep notably more: what a thread has in its threading.local.
bool grew(std::uint64_t bytes_before, std::uint64_t bytes, std::uint64_t objects_before,
          std::uint64_t objects) {
  constexpr std::uint64_t kNotable = 50, kLittle = 65'536;
  return objects > objects_before || bytes > bytes_before + std::max(bytes_before / kNotable, kLittle);
}

// What grew in it is a part of it that is a suspect for itself: of 200 tenants the sessions of one.
bool grew_in_a_part(const std::vector<Suspect>& suspects, const Suspect& whole) {
  constexpr std::int64_t kPercent = 100, kMost = 70;
  return std::any_of(suspects.begin(), suspects.end(), [&](const Suspect& s) {
    return !s.only_if_grown && s.growth->is && s.owner.size() > whole.owner.size() &&
           is_part_of(s.owner, whole.owner) && s.growth->bytes > whole.growth->bytes / kPercent * kMost;
  });
}

// Of those that are told only if they grew: the others, those that grew as their siblings did, which the
// collection that they are in says, and those of which a part says it.
void leave_out_those_that_did_not_grow(std::vector<Suspect>& last) {
  constexpr std::uint64_t kTenth = 10, kFew = 2;
  std::map<std::uint64_t, std::uint64_t> grew_of;  // by collection
  for (const Suspect& s : last)
    if (s.only_if_grown && s.growth->objects > 0) ++grew_of[value(s.among)];
  std::vector<bool> left_out;
  left_out.reserve(last.size());
  for (const Suspect& s : last)
    left_out.push_back(s.only_if_grown && is_null(s.among) && grew_in_a_part(last, s));
  std::size_t i = 0;
  std::erase_if(last, [&](const Suspect& s) {
    if (left_out[i++]) return true;
    if (!s.only_if_grown) return false;
    if (!s.growth->is || s.growth->bytes <= 0) return true;
    return !is_null(s.among) && grew_of[value(s.among)] > std::max(kFew, s.siblings / kTenth);
  });
}

}  // namespace

bool is_part_of(const std::string& path, const std::string& whole) {
  if (!path.starts_with(whole)) return false;
  return path.size() == whole.size() || path[whole.size()] == '.' || path[whole.size()] == '[';
}

void annotate_growth(std::vector<Suspect>& last, const std::vector<std::vector<Suspect>>& before) {
  if (before.empty()) return;
  for (Suspect& s : last) {
    SuspectGrowth growth{.looks = static_cast<int>(before.size())};
    for (std::size_t i = 0; i < before.size(); ++i) {
      const Suspect* earlier = find_same(before[i], s);
      const Suspect* later = i + 1 < before.size() ? find_same(before[i + 1], s) : &s;
      // Where it was too small to be told of, all of it is new.
      if (later && (!earlier || grew(earlier->bytes, later->bytes, earlier->objects, later->objects)))
        ++growth.grew;
      if (i > 0) continue;
      growth.bytes =
          static_cast<std::int64_t>(s.bytes) - static_cast<std::int64_t>(earlier ? earlier->bytes : 0);
      growth.objects =
          static_cast<std::int64_t>(s.objects) - static_cast<std::int64_t>(earlier ? earlier->objects : 0);
    }
    const Suspect* const first = find_same(before[0], s);
    growth.is = !first || grew(first->bytes, s.bytes, first->objects, s.objects);
    s.growth = growth;
  }
  leave_out_those_that_did_not_grow(last);
  sort_by_growth(last);
}

void sort_by_growth(std::vector<Suspect>& suspects) {
  auto weight = [](const Suspect& s) {
    return s.growth->is ? s.certainty * static_cast<double>(std::max<std::int64_t>(s.growth->bytes, 1)) : 0;
  };
  std::stable_sort(suspects.begin(), suspects.end(),
                   [&](const Suspect& a, const Suspect& b) { return weight(a) > weight(b); });
}

}  // namespace heapglass
