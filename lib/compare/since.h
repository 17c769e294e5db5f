// Since when something is there and grows, over captures in the order of their times, of which no more are
// looked at than it takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "lib/compare/change_point.h"
#include "lib/target/capture_origin.h"

namespace heapglass {

// What a capture that was saved says of itself.
struct CaptureFacts {
  std::string file, target, command_line;  // "process 4711"
  std::int32_t pid = 0;
  std::uint64_t time_ms = 0;  // since 1970
  CaptureOrigin origin;
};

struct SizeAtCapture {
  bool is_there = false;
  std::uint64_t objects = 0, bytes = 0;
  std::optional<std::uint64_t> entries;  // of a container
};

struct Since {
  std::map<std::size_t, SizeAtCapture> looked;  // by number of the capture: those that were looked at
  bool looked_at_all = false;
  // It comes and goes, so that halving says nothing, and all were looked at.
  bool comes_and_goes = false;
  // The first in which it is there, and whether the one before was looked at, and is without it.
  std::optional<std::size_t> there;
  // From change.look on it grows otherwise, a number among all captures; the one before was looked at.
  ChangePoint change;
  // Where no change is sure: from here on it is larger in each than in the first in which it is there.
  std::optional<std::size_t> larger;
  // Per unit of time: from the change on, else from the one before `larger`, or from `there`.
  double growth = 0;
};

// `times` grow strictly. `look` gives what is in a capture; each is asked for once. Without `all`, sixteen
// captures spread over the series are looked at, then those between the two of them where it came, and where
// it began to grow otherwise, by halving: what comes and goes, or changes and changes back, between two of
// the sixteen is not seen.
Since find_since(std::span<const double> times, const std::function<SizeAtCapture(std::size_t)>& look,
                 bool all);

}  // namespace heapglass
