#include "lib/leaks/suspect_growth.h"

#include <algorithm>

namespace heapglass {
namespace {

const Suspect* find_same(const std::vector<Suspect>& look, const Suspect& s) {
  const auto at = std::find_if(look.begin(), look.end(), [&](const Suspect& each) {
    return each.pattern == s.pattern && each.owner == s.owner;
  });
  return at == look.end() ? nullptr : &*at;
}

}  // namespace

void annotate_growth(std::vector<Suspect>& last, const std::vector<std::vector<Suspect>>& before) {
  if (before.empty()) return;
  for (Suspect& s : last) {
    SuspectGrowth growth{.looks = static_cast<int>(before.size())};
    for (std::size_t i = 0; i < before.size(); ++i) {
      const Suspect* earlier = find_same(before[i], s);
      const Suspect* later = i + 1 < before.size() ? find_same(before[i + 1], s) : &s;
      // Where it was too small to be told of, all of it is new.
      if (later && (!earlier || later->objects > earlier->objects)) ++growth.grew;
      if (i > 0) continue;
      growth.bytes =
          static_cast<std::int64_t>(s.bytes) - static_cast<std::int64_t>(earlier ? earlier->bytes : 0);
      growth.objects =
          static_cast<std::int64_t>(s.objects) - static_cast<std::int64_t>(earlier ? earlier->objects : 0);
    }
    s.growth = growth;
  }
  auto weight = [](const Suspect& s) {
    return s.growth->objects > 0
               ? s.certainty * static_cast<double>(std::max<std::int64_t>(s.growth->bytes, 1))
               : 0;
  };
  std::stable_sort(last.begin(), last.end(),
                   [&](const Suspect& a, const Suspect& b) { return weight(a) > weight(b); });
}

}  // namespace heapglass
