// One child of the traverse sandbox at work: it is handed objects, its log is read, and its time is watched.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_set>

#include "lib/target/capture.h"
#include "platform/sandbox/child_watch.h"
#include "platform/sandbox/traverse_log.h"
#include "platform/sandbox/traverse_sandbox.h"
#include "platform/sandbox/traverse_sandbox_child.h"
#include "platform/sandbox/traverse_sandbox_stub.h"

namespace heapglass {

// The time of one sandbox, over all of its batches.
class TraverseTime {
 public:
  using Clock = std::chrono::steady_clock;

  explicit TraverseTime(const TraverseLimits& limits) : limits_(limits) {}
  void begin_batch() { began_ = Clock::now(); }
  void end_batch() { spent_ += Clock::now() - began_; }
  // Of the batch that has begun; zero or less: none.
  Clock::duration left() const;
  // How long an object may take. Objects that come to no end have a budget of their own, of which each is
  // given half of what is left.
  std::chrono::milliseconds patience() const;
  // How long an object may go on after its alarm.
  std::chrono::milliseconds after_alarm() const { return limits_.an_object / 4; }
  void spend_on_endless(Clock::duration time) { endless_ += time; }
  double spent_ms() const { return std::chrono::duration<double, std::milli>(spent_).count(); }

 private:
  const TraverseLimits limits_;
  Clock::time_point began_{};
  Clock::duration spent_{}, endless_{};
};

// Types of which one object came to no end, or ended its child: no other object of them is asked.
class DistrustedTypes {
 public:
  DistrustedTypes(const Capture& capture, std::uint64_t ob_type) : capture_(capture), ob_type_(ob_type) {}
  void add_type_of(Address object) { types_.insert(type_of(object)); }
  bool has_type_of(Address object) const { return !types_.empty() && types_.contains(type_of(object)); }

 private:
  std::uint64_t type_of(Address object) const;

  const Capture& capture_;
  const std::uint64_t ob_type_;
  std::unordered_set<std::uint64_t> types_;
};

// What the children that are asked about the same objects share, one after the other.
struct TraverseBatch {
  std::span<const Address> objects;
  stub::Control& control;
  std::uint64_t* window;  // stub::kObjectsWindow objects, by index
  // Written by the child, so that each word is checked.
  stub::RingHeader& ring;
  const std::uint64_t* words;
  TraverseLog& log;
  const TraverseLog::Done& done;
  TraverseTime& time;
  DistrustedTypes& distrusted;
};

class TraverseAttempt {
 public:
  enum class Verdict {
    kFinished,   // no object is left
    kOutOfTime,  // the child worked on, but there is no time for more
    kSpoilt,     // the child ended by itself after an object that left its copy of the heap unusable
    kKilled,     // the object in hand ended the child, or wrote something else than a log
    kTimedOut,   // the object in hand could not be interrupted
    kUncertain,  // the child ended badly, and any of the objects that it was handed may be the cause
  };

  // Objects below `one_by_one` are handed out only after the one before is done. `child` starts at the object
  // that the log has in hand.
  TraverseAttempt(const TraverseBatch& batch, const StartedProcess& child, std::uint64_t one_by_one);
  // Works until the child has ended.
  Verdict run();

 private:
  enum class State {
    kWorking,    // and these two: the object in hand
    kTooMany,    // has visited more than there can be
    kAlarmed,    // was interrupted, and has not ended yet
    kFinished,   // all objects are done
    kOutOfTime,  // of the batch
    kBroken,     // the log is none
    kDied,       // the child is gone, and all of its log is read
    kOvertime,   // the object went on after its alarm
  };
  bool under_way() const { return state_ <= State::kAlarmed; }

  void step();
  void hand_out();
  void write_to_window(std::uint64_t index);
  // True: there was something to read.
  bool drain();
  void watch();
  void start_watch(TraverseTime::Clock::time_point now);
  void interrupt(TraverseTime::Clock::time_point now);
  bool is_over(TraverseTime::Clock::duration limit, TraverseTime::Clock::time_point now);
  void yield_or_sleep(bool news);
  Verdict verdict();

  const TraverseBatch& batch_;
  TraverseLog& log_;
  TraverseSandboxChild child_;
  const std::uint64_t first_;
  const std::uint64_t one_by_one_;
  State state_ = State::kWorking;
  std::uint64_t taken_ = 0;  // words of the log
  unsigned idle_ = 0;        // steps without news
  // The object that is watched.
  std::uint64_t index_;
  bool in_object_ = false;
  ChildWatch watched_;
};

}  // namespace heapglass
