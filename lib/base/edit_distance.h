// "Did you mean": names near what was typed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace heapglass {

// Insertions, deletions, replacements and swaps of neighbours that lead from one to the other.
unsigned edit_distance(std::string_view a, std::string_view b);

// At most `limit` of `names` that are near enough to `typed` to be what was meant, nearest first. A name that
// has `typed` in it, or ends like it after a dot, counts as near.
std::vector<std::string> near_names(std::string_view typed, const std::vector<std::string>& names,
                                    std::size_t limit);

// "did you mean A, B or C?" or "".
std::string did_you_mean(const std::vector<std::string>& near);

}  // namespace heapglass
