#include "platform/sandbox/traverse_attempt.h"

#include <sched.h>
#include <sys/wait.h>

#include <algorithm>

namespace heapglass {
namespace {

// What objects that come to no end cost together, of processor time. The first of a type is the last of it
// that is asked.
constexpr std::chrono::milliseconds kEndlessInAll{1000};

}  // namespace

TraverseTime::Clock::duration TraverseTime::left() const {
  if (endless_ > 2 * kEndlessInAll) return Clock::duration::zero();
  return Clock::duration(limits_.in_all - spent_ - (Clock::now() - began_));
}

std::chrono::milliseconds TraverseTime::patience() const {
  constexpr std::chrono::milliseconds kLeast{20};
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(kEndlessInAll - endless_);
  return std::max(kLeast, std::min(limits_.an_object / 2, left / 2));
}

std::uint64_t DistrustedTypes::type_of(Address object) const {
  std::uint64_t type = 0;
  return capture_.image->load(object + ob_type_, type) ? type : 0;
}

TraverseAttempt::TraverseAttempt(const TraverseBatch& batch, const StartedProcess& child,
                                 std::uint64_t one_by_one)
    : batch_(batch),
      log_(batch.log),
      child_(child),
      first_(log_.index()),
      one_by_one_(one_by_one),
      index_(first_) {
  start_watch(TraverseTime::Clock::now());
}

TraverseAttempt::Verdict TraverseAttempt::run() {
  while (under_way()) step();
  return verdict();
}

void TraverseAttempt::step() {
  hand_out();
  // A child that is seen dead before its log is read has written all that it will.
  const bool was_alive = idle_ == 0 || child_.alive();
  const bool news = drain();
  if (state_ == State::kBroken) return;
  if (!was_alive && !news) {
    state_ = State::kDied;
  } else if (log_.index() == batch_.objects.size()) {
    state_ = State::kFinished;
  } else {
    watch();
    if (under_way() && batch_.time.left() <= TraverseTime::Clock::duration::zero())
      state_ = State::kOutOfTime;
    if (under_way()) yield_or_sleep(news);
  }
}

void TraverseAttempt::hand_out() {
  std::uint64_t available = batch_.control.available;
  const std::uint64_t ahead = log_.index() < one_by_one_ ? 1 : stub::kObjectsWindow;
  const std::uint64_t end = std::min<std::uint64_t>(batch_.objects.size(), log_.index() + ahead);
  for (; available < end; ++available) write_to_window(available);
  __atomic_store_n(&batch_.control.available, available, __ATOMIC_RELEASE);
}

void TraverseAttempt::write_to_window(std::uint64_t index) {
  const Address object = batch_.objects[index];
  batch_.window[index % stub::kObjectsWindow] = batch_.distrusted.has_type_of(object) ? 0 : value(object);
}

bool TraverseAttempt::drain() {
  const std::uint64_t head = __atomic_load_n(&batch_.ring.head, __ATOMIC_ACQUIRE);
  if (!TraverseLog::plausible_head(taken_, head, stub::kRingWords)) {
    state_ = State::kBroken;
    return false;
  }
  const bool news = head != taken_;
  while (taken_ < head) {
    const std::uint64_t word = __atomic_load_n(&batch_.words[taken_ % stub::kRingWords], __ATOMIC_RELAXED);
    const TraverseLog::Verdict verdict = log_.take(word, batch_.control.available, batch_.done);
    if (verdict == TraverseLog::Verdict::kBroken) {
      state_ = State::kBroken;
      return true;
    }
    if (verdict == TraverseLog::Verdict::kTooMany && state_ == State::kWorking) state_ = State::kTooMany;
    // Room is given back in parts, so that the child need not wait for the last word.
    if (taken_ % 4096 == 0) __atomic_store_n(&batch_.control.taken, taken_, __ATOMIC_RELEASE);
    ++taken_;
  }
  __atomic_store_n(&batch_.control.taken, taken_, __ATOMIC_RELEASE);
  return news;
}

void TraverseAttempt::watch() {
  const auto now = TraverseTime::Clock::now();
  if (log_.index() != index_ || log_.in_object() != in_object_) {
    start_watch(now);
  } else if (state_ == State::kAlarmed) {
    if (!is_over(batch_.time.after_alarm(), now)) return;
    batch_.time.spend_on_endless(watched_.spent(now));
    state_ = State::kOvertime;  // the code has blocked even the alarm
  } else if (state_ == State::kTooMany || is_over(batch_.time.patience(), now)) {
    interrupt(now);
  }
}

void TraverseAttempt::start_watch(TraverseTime::Clock::time_point now) {
  index_ = log_.index();
  in_object_ = log_.in_object();
  watched_.start(now, child_.processor_time());
  state_ = State::kWorking;
}

// The clock is asked first: the child's processor time costs a system call.
bool TraverseAttempt::is_over(TraverseTime::Clock::duration limit, TraverseTime::Clock::time_point now) {
  return watched_.since(now) > limit && watched_.is_over(limit, now, child_.processor_time());
}

void TraverseAttempt::interrupt(TraverseTime::Clock::time_point now) {
  batch_.time.spend_on_endless(watched_.spent(now));
  batch_.distrusted.add_type_of(batch_.objects[index_]);
  // Objects of that type may have been handed out already.
  for (std::uint64_t i = index_ + 1; i < batch_.control.available; ++i) write_to_window(i);
  child_.alarm();
  state_ = State::kAlarmed;
  watched_.start(now, child_.processor_time());
}

void TraverseAttempt::yield_or_sleep(bool news) {
  idle_ = news ? 0 : idle_ + 1;
  if (news) return;
  if (idle_ < 100) {
    sched_yield();
  } else {
    const timespec nap{0, 50'000};
    nanosleep(&nap, nullptr);
  }
}

TraverseAttempt::Verdict TraverseAttempt::verdict() {
  __atomic_store_n(&batch_.control.finish, 1, __ATOMIC_RELEASE);
  const bool died = !child_.alive();
  child_.end();
  const std::uint64_t at = log_.index();
  if (at == batch_.objects.size()) return Verdict::kFinished;
  if (!died && state_ == State::kOutOfTime) return Verdict::kOutOfTime;
  const bool broken = state_ == State::kBroken;
  if (batch_.control.size_of && !broken && !log_.in_object() && WIFEXITED(child_.status()) &&
      WEXITSTATUS(child_.status()) == stub::kExitSpoilt && at > first_)
    return Verdict::kSpoilt;
  // That children can be set up is proven: where no object seems to be in hand, one has hidden that.
  const bool certain = batch_.control.available == at + 1 || (log_.in_object() && !broken);
  if (!certain) return Verdict::kUncertain;
  return state_ == State::kOvertime ? Verdict::kTimedOut : Verdict::kKilled;
}

}  // namespace heapglass
