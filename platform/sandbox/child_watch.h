// How much of its time a child has had for one object, on machines where it may have to wait for a processor.
#pragma once

#include <algorithm>
#include <chrono>

namespace heapglass {

// A child that computes is measured by its processor time. One that is blocked (a page that never comes) uses
// none, so time in which it got no processor at all counts as well, from `kBlocked` times a limit on: beside
// other work a child that could run still gets a slice now and then.
class ChildWatch {
 public:
  using Clock = std::chrono::steady_clock;
  using Processor = std::chrono::nanoseconds;  // the child's processor time so far

  static constexpr int kBlocked = 4;

  void start(Clock::time_point now, Processor used) {
    since_ = moved_ = now;
    since_used_ = last_used_ = used;
  }
  // How long ago start() was: never less than what the child has had.
  Clock::duration since(Clock::time_point now) const { return now - since_; }
  // True: the child has had `limit`, or has stood still for several times as long.
  bool is_over(Clock::duration limit, Clock::time_point now, Processor used) {
    if (used != last_used_) {
      last_used_ = used;
      moved_ = now;
    }
    return last_used_ - since_used_ > limit || now - moved_ > kBlocked * limit;
  }
  // What it has had, or stood still for, up to the last is_over().
  Clock::duration spent(Clock::time_point now) const {
    return std::max<Clock::duration>(last_used_ - since_used_, now - moved_);
  }

 private:
  Clock::time_point since_{}, moved_{};
  Processor since_used_{}, last_used_{};
};

}  // namespace heapglass
