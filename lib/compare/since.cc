#include "lib/compare/since.h"

#include <algorithm>
#include <vector>

namespace heapglass {
namespace {

constexpr std::size_t kSpread = 16;

class Search {
 public:
  Search(std::span<const double> times, const std::function<SizeAtCapture(std::size_t)>& look)
      : times_(times), look_(look) {}

  Since run(bool all) {
    const std::size_t first = std::min(times_.size(), kSpread);
    for (std::size_t i = 0; i < first; ++i)
      spread_.push_back(first < 2 ? 0 : i * (times_.size() - 1) / (first - 1));
    for (const std::size_t i : spread_) size(i);
    out_.comes_and_goes = comes_and_goes();
    if (all || out_.comes_and_goes) look_at_all();
    find_arrival();
    find_change_point();
    out_.looked_at_all = out_.looked.size() == times_.size();
    return std::move(out_);
  }

 private:
  const SizeAtCapture& size(std::size_t i) {
    const auto at = out_.looked.find(i);
    return at != out_.looked.end() ? at->second : out_.looked.emplace(i, look_(i)).first->second;
  }
  double bytes(std::size_t i) { return static_cast<double>(size(i).bytes); }

  bool comes_and_goes() {
    bool was_there = false, has_gone = false;
    for (const auto& [i, each] : out_.looked) {
      if (each.is_there && has_gone) return true;
      has_gone |= was_there && !each.is_there;
      was_there |= each.is_there;
    }
    return false;
  }

  void look_at_all() {
    spread_.clear();
    for (std::size_t i = 0; i < times_.size(); ++i) {
      size(i);
      spread_.push_back(i);
    }
  }

  // Between one that is without it, or does not grow so yet, and a later one: the first of the others.
  template <class Is>
  std::size_t halve(std::size_t without, std::size_t with, Is is) {
    while (with - without > 1) {
      const std::size_t middle = without + (with - without) / 2;
      (is(middle) ? with : without) = middle;
    }
    return with;
  }

  void find_arrival() {
    const auto at =
        std::find_if(spread_.begin(), spread_.end(), [&](std::size_t i) { return size(i).is_there; });
    if (at == spread_.end()) return;
    out_.there =
        at == spread_.begin() ? *at : halve(*(at - 1), *at, [&](std::size_t i) { return size(i).is_there; });
  }

  void find_change_point() {
    std::vector<double> times, values;
    for (const std::size_t i : spread_) {
      times.push_back(times_[i]);
      values.push_back(bytes(i));
    }
    ChangePoint& change = out_.change = find_change(times, values);
    if (change.kind == ChangePoint::Kind::kStep || change.kind == ChangePoint::Kind::kRate) {
      if (spread_.size() < times_.size()) locate(change);
      out_.growth = change.after;
      return;
    }
    if (!out_.there) return;
    find_larger();
    const std::size_t from = out_.larger ? *out_.larger - 1 : *out_.there;
    const auto first =
        static_cast<std::size_t>(std::lower_bound(spread_.begin(), spread_.end(), from) - spread_.begin());
    out_.growth = typical_growth(std::span(times).subspan(first), std::span(values).subspan(first));
  }

  // From the number among those that were spread to one among all.
  void locate(ChangePoint& change) {
    const double time_of_look = times_[spread_[change.look]];
    const auto is_after = [&](std::size_t i) { return change.is_after(times_[i], bytes(i), time_of_look); };
    std::size_t with = change.look, without = change.look - 1;
    while (without > 0 && is_after(spread_[without])) with = without--;
    const std::size_t look = halve(spread_[without], spread_[with], is_after);
    change.level += change.before * (times_[look] - time_of_look);
    change.step += (change.after - change.before) * (times_[look] - time_of_look);
    change.look = look;
  }

  void find_larger() {
    const double level = bytes(*out_.there);
    const auto is_larger = [&](std::size_t i) { return bytes(i) > level; };
    std::size_t at = spread_.size();
    while (at > 0 && spread_[at - 1] > *out_.there && is_larger(spread_[at - 1])) --at;
    if (at == spread_.size()) return;
    const std::size_t without = at > 0 ? std::max(spread_[at - 1], *out_.there) : *out_.there;
    out_.larger = halve(without, spread_[at], is_larger);
  }

  const std::span<const double> times_;
  const std::function<SizeAtCapture(std::size_t)>& look_;
  std::vector<std::size_t> spread_;
  Since out_;
};

}  // namespace

Since find_since(std::span<const double> times, const std::function<SizeAtCapture(std::size_t)>& look,
                 bool all) {
  return Search(times, look).run(all);
}

}  // namespace heapglass
