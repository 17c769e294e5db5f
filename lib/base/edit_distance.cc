#include "lib/base/edit_distance.h"

#include <algorithm>

namespace heapglass {

unsigned edit_distance(std::string_view a, std::string_view b) {
  std::vector<unsigned> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (unsigned j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<unsigned>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::vector<std::string> near_names(std::string_view typed, const std::vector<std::string>& names,
                                    std::size_t limit) {
  typed = typed.substr(0, 200);
  auto lower = [](std::string_view s) {
    std::string out(s.substr(0, 200));
    for (char& c : out)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
  };
  const std::string wanted = lower(typed);
  std::vector<std::pair<unsigned, std::string>> near;
  for (const std::string& name : names) {
    const std::string candidate = lower(name);
    const std::string tail = candidate.substr(candidate.rfind('.') + 1);
    const std::string wanted_tail = wanted.substr(wanted.rfind('.') + 1);
    unsigned distance = std::min(edit_distance(wanted, candidate), edit_distance(wanted, tail));
    if (tail == wanted_tail && !tail.empty()) distance = std::min(distance, 1u);
    if (wanted.size() >= 3 && candidate.find(wanted) != std::string::npos) distance = std::min(distance, 2u);
    if (distance <= std::max<std::size_t>(1, wanted_tail.size() / 3)) near.emplace_back(distance, name);
  }
  std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> out;
  for (const auto& [distance, name] : near) {
    if (out.size() == limit) break;
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  }
  return out;
}

std::string did_you_mean(const std::vector<std::string>& near) {
  std::string text;
  for (std::size_t i = 0; i < near.size(); ++i)
    text += (i == 0 ? "did you mean " : i + 1 == near.size() ? " or " : ", ") + near[i];
  return text.empty() ? text : text + "?";
}

}  // namespace heapglass
