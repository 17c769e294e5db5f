#include "lib/compare/change_point.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

namespace heapglass {
namespace {

constexpr std::size_t kMostTested = 24, kFewestOnASide = 4;
// The fewer looks there are, the more shuffled series are the series itself again: with few shuffles it would
// be luck how many.
constexpr int kShuffles = 399, kShufflesOfFew = 1999;
constexpr std::size_t kFew = 16;

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

struct Line {
  double slope = 0, intercept = 0;
  double at(double time) const { return intercept + slope * time; }
};

struct TwoLines {
  std::size_t place = 0;
  double cost = 0;
};

// Of one set of times, with room that is used again.
class Fits {
 public:
  explicit Fits(std::span<const double> times) : times_(times) {}
  std::size_t looks() const { return times_.size(); }

  // Theil's and Sen's through [first, end), and the sum of the distances from it.
  Line line(std::span<const double> values, std::size_t first, std::size_t end, double* cost) {
    room_.clear();
    for (std::size_t i = first; i < end; ++i)
      for (std::size_t j = i + 1; j < end; ++j)
        room_.push_back((values[j] - values[i]) / (times_[j] - times_[i]));
    Line line{.slope = median(room_)};
    room_.clear();
    for (std::size_t i = first; i < end; ++i) room_.push_back(values[i] - line.slope * times_[i]);
    line.intercept = median(room_);
    *cost = 0;
    for (std::size_t i = first; i < end; ++i) *cost += std::abs(values[i] - line.at(times_[i]));
    return line;
  }

  TwoLines best(std::span<const double> values) {
    TwoLines best{.cost = HUGE_VAL};
    for (std::size_t place = kFewestOnASide; place + kFewestOnASide <= times_.size(); ++place) {
      double before = 0, after = 0;
      line(values, 0, place, &before);
      if (before >= best.cost) break;  // a longer one leaves hardly less
      line(values, place, times_.size(), &after);
      if (before + after < best.cost) best = {place, before + after};
    }
    return best;
  }

  // How many times less two lines leave than one. `least`: what counts as nothing left.
  double gain(std::span<const double> values, double least) {
    double one = 0;
    line(values, 0, times_.size(), &one);
    return (one + least) / (best(values).cost + least);
  }

 private:
  std::span<const double> times_;
  std::vector<double> room_;
};

// Whether at most kChanceOfChange of the series that `make` shuffles gain as much.
template <class Make>
bool is_rare(Fits& fits, double gained, double least, Make make) {
  std::mt19937_64 random(20210706);
  std::vector<double> series;
  double as_much = 1;  // the series itself is one
  const int shuffles = fits.looks() <= kFew ? kShufflesOfFew : kShuffles;
  for (int i = 0; i < shuffles; ++i) {
    make(random, series);
    as_much += fits.gain(series, least) >= gained;
    if (as_much > kChanceOfChange * (shuffles + 1)) return false;
  }
  return true;
}

void shuffle(std::mt19937_64& random, std::vector<double>& values) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random() % i]);
}

std::vector<double> steps_of(std::span<const double> values) {
  std::vector<double> steps;
  for (std::size_t i = 1; i < values.size(); ++i) steps.push_back(values[i] - values[i - 1]);
  return steps;
}

// The step to `place` is none of the others' kind.
bool is_far_out(const std::vector<double>& steps, std::size_t place) {
  std::vector<double> room = steps;
  const double usual = median(room);
  double largest_other = 0;
  room.clear();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    room.push_back(std::abs(steps[i] - usual));
    if (i + 1 != place) largest_other = std::max(largest_other, room.back());
  }
  const double this_one = std::abs(steps[place - 1] - usual);
  constexpr double kNormal = 1.4826;  // the standard deviation in median absolute deviations
  return this_one > 6 * kNormal * median(room) && this_one > 3 * largest_other;
}

// Medians of as many groups as are tested; where each begins, and the end.
struct Thinned {
  std::vector<double> times, values;
  std::vector<std::size_t> begins;
};

Thinned thinned(std::span<const double> times, std::span<const double> values) {
  Thinned out;
  const std::size_t groups = std::min(values.size(), kMostTested);
  for (std::size_t group = 0; group < groups; ++group) {
    const std::size_t first = group * values.size() / groups, end = (group + 1) * values.size() / groups;
    out.begins.push_back(first);
    std::vector<double> room(values.begin() + static_cast<std::ptrdiff_t>(first),
                             values.begin() + static_cast<std::ptrdiff_t>(end));
    out.values.push_back(median(room));
    room.assign(times.begin() + static_cast<std::ptrdiff_t>(first),
                times.begin() + static_cast<std::ptrdiff_t>(end));
    out.times.push_back(median(room));
  }
  out.begins.push_back(values.size());
  return out;
}

// Among the looks of the groups beside the place, the first that belongs to the second line.
std::size_t exact_look(std::span<const double> times, std::span<const double> values, const Thinned& thin,
                       std::size_t place, const Line& before, const Line& after) {
  const std::size_t first = thin.begins[place - 1],
                    end = thin.begins[std::min(place + 1, thin.begins.size() - 1)];
  std::size_t best = thin.begins[place];
  double cost = 0, least = HUGE_VAL;
  for (std::size_t i = first; i < end; ++i) cost += std::abs(values[i] - after.at(times[i]));
  for (std::size_t i = first; i <= end; ++i) {
    if (cost < least) {
      least = cost;
      best = i;
    }
    if (i < end) cost += std::abs(values[i] - before.at(times[i])) - std::abs(values[i] - after.at(times[i]));
  }
  return std::clamp<std::size_t>(best, 1, values.size() - 1);
}

}  // namespace

bool ChangePoint::is_after(double time, double value, double time_of_look) const {
  const double since = time - time_of_look;
  const double from_first = std::abs(value - (level + before * since));
  return from_first > noise || std::abs(value - (level + step + after * since)) < from_first;
}

double typical_growth(std::span<const double> times, std::span<const double> values) {
  if (values.size() < 2) return 0;
  const Thinned thin = thinned(times, values);
  double unused = 0;
  return Fits(thin.times).line(thin.values, 0, thin.values.size(), &unused).slope;
}

ChangePoint find_change(std::span<const double> times, std::span<const double> values) {
  if (times.size() != values.size()) throw std::logic_error("as many times as values are needed");
  if (values.size() < kFewestLooks) return {.kind = ChangePoint::Kind::kUnsure};
  const Thinned thin = thinned(times, values);
  const auto [low, high] = std::minmax_element(thin.values.begin(), thin.values.end());
  const double least = (*high - *low) * 1e-9;  // what rounding leaves of a line
  if (*high == *low) return {};
  Fits fits(thin.times);
  double one = 0;
  const Line all = fits.line(thin.values, 0, thin.values.size(), &one);
  const TwoLines two = fits.best(thin.values);
  const double gained = (one + least) / (two.cost + least);
  constexpr double kWorthTelling = 2;
  if (gained < kWorthTelling) return {};

  std::vector<double> distances;
  distances.reserve(thin.values.size());
  for (std::size_t i = 0; i < thin.values.size(); ++i)
    distances.push_back(thin.values[i] - all.at(thin.times[i]));
  if (!is_rare(fits, gained, least, [&](std::mt19937_64& random, std::vector<double>& series) {
        series = distances;
        shuffle(random, series);
        for (std::size_t i = 0; i < series.size(); ++i) series[i] += all.at(thin.times[i]);
      }))
    return {};
  const std::vector<double> steps = steps_of(thin.values);
  if (!is_far_out(steps, two.place) &&
      !is_rare(fits, gained, least, [&](std::mt19937_64& random, std::vector<double>& series) {
        std::vector<double> other = steps;
        shuffle(random, other);
        series.assign(1, thin.values.front());
        for (const double step : other) series.push_back(series.back() + step);
      }))
    return {};

  double unused = 0;
  const Line before = fits.line(thin.values, 0, two.place, &unused);
  const Line after = fits.line(thin.values, two.place, thin.values.size(), &unused);
  ChangePoint change{.look = exact_look(times, values, thin, two.place, before, after),
                     .before = before.slope,
                     .after = after.slope};
  // Where the rate changes the lines meet: the first looks that have left the one are near to it still.
  std::vector<double> from_first_line;
  from_first_line.reserve(change.look);
  for (std::size_t i = 0; i < change.look; ++i)
    from_first_line.push_back(std::abs(values[i] - before.at(times[i])));
  constexpr double kNormal = 1.4826, kFarOut = 5;
  change.noise = kFarOut * kNormal * median(from_first_line) + least;
  while (change.look > kFewestOnASide &&
         std::abs(values[change.look - 1] - before.at(times[change.look - 1])) > change.noise)
    --change.look;
  // One that lies on both lines is the last of the first.
  const std::size_t surely_after = thin.begins[std::min(two.place + 1, thin.begins.size() - 2)];
  for (; change.look < surely_after; ++change.look) {
    const double from_first = std::abs(values[change.look] - before.at(times[change.look]));
    if (from_first > change.noise ||
        from_first > std::abs(values[change.look] - after.at(times[change.look])) + least)
      break;
  }
  const double at = times[change.look];
  change.step = after.at(at) - before.at(at);
  change.level = before.at(at);
  change.kind = std::abs(after.slope - before.slope) * (times.back() - at) > std::abs(change.step)
                    ? ChangePoint::Kind::kRate
                    : ChangePoint::Kind::kStep;
  return change;
}

}  // namespace heapglass
