// The look from which on a series of looks behaves differently: it has jumped, or grows at another rate.
//
// The method: two lines, one through the looks before and one through those from there on, against a single
// line through all. Lines are Theil's and Sen's (the median of the slopes of all pairs), whose sums of
// absolute distances are compared: single outliers, a peak that goes again say, move neither. Of all places
// the one that leaves the least is taken. It counts where it leaves less than half of what the single line
// leaves, and where that is rarer than kChance in series that have no such place:
//   - the single line with its own distances shuffled (permutation test): noise around a trend,
//   - the single steps from look to look shuffled: a random walk with a drift, which memory often is; or the
//     step at the place is far out of all others (six times their median absolute deviation, and three times
//     the next largest).
// Both are seeded: one series has one answer. What goes up and down by itself, in a period as long as the
// series or nearly, is no noise to this: its turn is a change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace heapglass {

constexpr std::size_t kFewestLooks = 12;  // of fewer no shuffling is rare enough
constexpr double kChanceOfChange = 0.005;

struct ChangePoint {
  enum class Kind : std::uint8_t {
    kNone,
    kStep,    // it has jumped by `step`
    kRate,    // it grows at another rate
    kUnsure,  // there are fewer than kFewestLooks looks
  };
  Kind kind = Kind::kNone;
  std::size_t look = 0;          // the first that is different
  double before = 0, after = 0;  // growth per unit of time before it, and from it on
  double step = 0;               // by how much the second line begins above the first
  double level = 0;              // of the first line at `look`
  double noise = 0;              // what is farther from the first line does not belong to it

  // Whether a value is nearer to the second line than to the first, or too far from that.
  bool is_after(double time, double value, double time_of_look) const;
};

// Theil's and Sen's slope through all of them, growth per unit of time; 0 of fewer than two. Times as above.
double typical_growth(std::span<const double> times, std::span<const double> values);

// `times` grow strictly; both are finite and as long as each other. Of more than 24 looks, medians of as many
// groups are tested, and the look is then found among all. The time is bounded whatever their number.
ChangePoint find_change(std::span<const double> times, std::span<const double> values);

}  // namespace heapglass
