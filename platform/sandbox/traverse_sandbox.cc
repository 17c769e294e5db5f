#include "platform/sandbox/traverse_sandbox.h"

#include "lib/base/error.h"

#if defined(__x86_64__)

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#include "lib/base/page.h"
#include "platform/confinement/confine.h"
#include "platform/process/proc_maps.h"
#include "platform/process/process.h"
#include "platform/sandbox/traverse_attempt.h"
#include "platform/sandbox/traverse_log.h"
#include "platform/sandbox/traverse_plan.h"
#include "platform/sandbox/traverse_sandbox_child.h"
#include "platform/sandbox/traverse_sandbox_stub.h"

namespace heapglass {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kLastUserPage = 0x7ffffffff000;
// Children that ended badly, of one round of questions: each costs some 10 ms to set up, and its type is not
// asked again.
constexpr unsigned kMostBadChildren = 100;

[[noreturn]] void cannot(const std::string& why) {
  throw Error(ErrorKind::kUnreachable, "cannot run a copy of the target: " + why,
              "--resolve=scan guesses from the objects' bytes instead");
}

// Memory that a child maps too, at a place of its own.
class SharedMemory {
 public:
  SharedMemory(const char* name, std::uint64_t size) : size_(size), fd_(memfd_create(name, MFD_CLOEXEC)) {
    if (!fd_ || ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) cannot(std::strerror(errno));
    base_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd_.get(), 0);
    if (base_ == MAP_FAILED) cannot(std::strerror(errno));
  }
  ~SharedMemory() { munmap(base_, size_); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  int descriptor() const { return fd_.get(); }
  template <class T>
  T* at(std::uint64_t offset) const {
    return reinterpret_cast<T*>(static_cast<std::byte*>(base_) + offset);
  }

 private:
  std::uint64_t size_;
  FileDescriptor fd_;
  void* base_ = nullptr;
};

}  // namespace

class TraverseSandbox::Impl {
 public:
  Impl(const Capture& capture, std::int32_t main_thread, const TraverseOffsets& offsets,
       const TraverseLimits& limits);

  void run(std::span<const Address> objects, const Take& take);
  void sizes(std::span<const Address> objects, const TakeSize& take);
  const TraverseStats& stats() const { return stats_; }

 private:
  // How the objects of one pass are asked.
  struct Pass {
    bool attached = false;  // as a thread of the interpreter, and able to write its copy of the heap
    std::uint64_t size_of = 0;
    std::vector<stub::Map> plan;
  };
  void find_place(const Capture& capture);
  void keep_changed_pages(const Capture& capture);
  std::vector<stub::Map> make_plan(bool writable) const;
  void prepare(const Pass& pass, std::uint64_t first);
  StartedProcess start() const;
  void prove();
  void ask(const Pass& pass, std::span<const Address> objects, const Take& take);
  using Verdict = TraverseAttempt::Verdict;
  void conclude(Verdict verdict, const TraverseBatch& batch, const Take& take, std::uint64_t& one_by_one);

  const Capture& capture_;
  const TraverseOffsets offsets_;
  const TraverseLimits limits_;
  SharedMemory control_, ring_;
  std::unique_ptr<SharedMemory> changed_;
  std::uint64_t block_ = 0;
  std::uint64_t most_referents_ = 0;
  bool can_attach_ = false, proven_ = false;
  Pass plain_, attached_;
  TraverseTime time_;
  DistrustedTypes distrusted_;
  unsigned children_ = 0;
  TraverseStats stats_;
};

TraverseSandbox::Impl::Impl(const Capture& capture, std::int32_t main_thread, const TraverseOffsets& offsets,
                            const TraverseLimits& limits)
    : capture_(capture),
      offsets_(offsets),
      limits_(limits),
      control_("heapglass-control", stub::kRing),
      ring_("heapglass-ring", stub::kRingSize),
      time_(limits),
      distrusted_(capture, offsets.ob_type) {
  if (capture.backing.empty() || capture.threads.empty())
    cannot("the capture does not say what its memory is made of");
  if (capture.fill_descriptors) capture.fill_descriptors();
  // Every referent stands in a word somewhere.
  most_referents_ = std::min<std::uint64_t>(capture.bytes_copied / 8 + 4096, 64 << 20);
  find_place(capture);
  keep_changed_pages(capture);
  can_attach_ = !is_null(offsets.this_thread_state) && !is_null(offsets.current_thread_state) &&
                !is_null(offsets.restore_thread);

  auto& c = *control_.at<stub::Control>(stub::kControl);
  c.ob_type = offsets.ob_type;
  c.tp_flags = offsets.tp_flags;
  c.tp_traverse = offsets.tp_traverse;
  c.tp_is_gc = offsets.tp_is_gc;
  c.have_gc = offsets.have_gc;
  c.can_set_thread_pointer = getauxval(AT_HWCAP2) >> 1 & 1;  // HWCAP2_FSGSBASE
  c.current_thread_state = value(offsets.current_thread_state);
  c.restore_thread = value(offsets.restore_thread);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  c.descriptors = std::min<std::uint64_t>(files.rlim_cur, 1 << 20);
  auto add_thread = [&](const ThreadRegisters& t) {
    if (c.thread_count == std::size(c.thread_pointer)) return;
    c.thread_pointer[c.thread_count] = value(t.thread_pointer);
    c.stack_pointer[c.thread_count++] = value(t.stack_pointer);
  };
  for (const ThreadRegisters& t : capture.threads)
    if (t.tid == main_thread) add_thread(t);
  for (const ThreadRegisters& t : capture.threads)
    if (t.tid != main_thread) add_thread(t);

  plain_.plan = make_plan(false);
  if (can_attach_) {
    attached_.attached = true;
    attached_.plan = make_plan(true);
  }
}

void TraverseSandbox::Impl::find_place(const Capture& capture) {
  const Mappings own = parse_proc_maps(own_maps());
  if (own.empty()) cannot("/proc/self/maps cannot be read");
  constexpr std::uint64_t kMargin = 32 << 20;
  block_ = std::uint64_t{1} << 40;
  for (bool moved = true; moved;) {
    moved = false;
    for (const Mappings* mappings : {&own, &capture.mappings}) {
      for (const Mapping& m : *mappings) {
        if (value(m.start) >= block_ + stub::kBlock + kMargin || value(m.end) + kMargin <= block_) continue;
        if (value(m.end) >= kLastUserPage - 4 * kMargin) cannot("there is no room in its address space");
        block_ = (value(m.end) + 2 * kMargin) / stub::kBlock * stub::kBlock;
        moved = true;
      }
    }
  }
  auto& c = *control_.at<stub::Control>(stub::kControl);
  std::vector<stub::Range> keep{{block_, block_ + stub::kBlock}};
  for (const Mapping& m : own) {
    if (m.path != "[vdso]" && !m.path.starts_with("[vvar")) continue;
    keep.push_back({value(m.start), value(m.end)});
    for (const Mapping& theirs : capture.mappings)
      if (theirs.path == m.path && theirs.size() == m.size() && c.vdso_count < std::size(c.vdso))
        c.vdso[c.vdso_count++] = {value(m.start), value(theirs.start), m.size()};
  }
  std::sort(keep.begin(), keep.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  std::uint64_t at = kPage;
  auto unmap_to = [&](std::uint64_t end) {
    if (end > at && c.unmap_count < std::size(c.unmap)) c.unmap[c.unmap_count++] = {at, end};
  };
  for (const stub::Range& k : keep) {
    unmap_to(k.start);
    at = k.end;
  }
  unmap_to(kLastUserPage);
}

void TraverseSandbox::Impl::keep_changed_pages(const Capture& capture) {
  std::uint64_t size = 0;
  for (const Backing& b : capture.backing)
    for (const auto& run : b.changed) size += run.size;
  if (size == 0) return;
  changed_ = std::make_unique<SharedMemory>("heapglass-changed", size);
  std::uint64_t at = 0;
  for (const Backing& b : capture.backing)
    for (const auto& run : b.changed) {
      if (!capture.image->read(run.start, {changed_->at<std::byte>(at), run.size}))
        cannot("the capture has holes");
      at += run.size;
    }
}

std::vector<stub::Map> TraverseSandbox::Impl::make_plan(bool writable) const {
  const auto& c = *control_.at<stub::Control>(stub::kControl);
  std::vector<stub::Map> plan =
      plan_of_sandbox(capture_.backing, {.thread_pointer = c.thread_pointer[0],
                                         .stack_pointer = c.stack_pointer[0],
                                         .changed_pages = changed_ ? changed_->descriptor() : -1,
                                         .writable = writable});
  if (plan.size() * sizeof(stub::Map) > stub::kPlanSize) cannot("it has too many mappings");
  return plan;
}

void TraverseSandbox::Impl::prepare(const Pass& pass, std::uint64_t first) {
  auto& c = *control_.at<stub::Control>(stub::kControl);
  auto& r = *ring_.at<stub::RingHeader>(0);
  c.first = first;
  c.available = first;
  c.taken = 0;
  c.finish = 0;
  r = {};
  c.size_of = pass.size_of;
  c.this_thread_state = pass.attached ? value(offsets_.this_thread_state) : 0;
  std::copy(pass.plan.begin(), pass.plan.end(), control_.at<stub::Map>(stub::kPlan));
  c.plan_count = pass.plan.size();
  c.program.len = static_cast<unsigned short>(write_filter(c.filter, pass.attached));
  c.program.filter =
      reinterpret_cast<sock_filter*>(block_ + stub::kControl + offsetof(stub::Control, filter));
}

StartedProcess TraverseSandbox::Impl::start() const {
  const StartedProcess child = start_copied_process({block_, control_.descriptor(), ring_.descriptor()});
  if (child.pid < 0) cannot("fork: " + std::string(std::strerror(errno)));
  return child;
}

// One child that is set up and asked nothing: where that fails it is not the target's doing, who has run no
// code yet.
void TraverseSandbox::Impl::prove() {
  if (proven_) return;
  prepare(plain_, 0);
  control_.at<stub::Control>(stub::kControl)->finish = 1;
  TraverseSandboxChild child(start());
  const auto began = Clock::now();
  while (child.alive() && Clock::now() - began < std::chrono::seconds(5)) {
    const timespec nap{0, 50'000};
    nanosleep(&nap, nullptr);
  }
  const std::string stage = " (stage " + std::to_string(ring_.at<stub::RingHeader>(0)->stage) + ")";
  if (child.alive()) cannot("its process does not get ready" + stage);
  if (WIFSIGNALED(child.status()))
    cannot("its process dies of signal " + std::to_string(WTERMSIG(child.status())) + stage);
  if (WEXITSTATUS(child.status()) != 0) cannot(describe_exit(WEXITSTATUS(child.status())));
  proven_ = true;
}

void TraverseSandbox::Impl::ask(const Pass& pass, std::span<const Address> objects, const Take& take) {
  TraverseLog log(most_referents_);
  const TraverseLog::Done done = [&](std::uint64_t index, int signal, std::span<const Address> referents) {
    if (signal != SIGALRM && distrusted_.has_type_of(objects[index])) {
      take(index, Status::kNotAsked, {});
    } else if (signal == 0) {
      if (pass.size_of == 0) stats_.referents += referents.size();
      take(index, Status::kDone, referents);
    } else {
      take(index, signal == SIGALRM ? Status::kTimedOut : Status::kFaulted, {});
    }
  };
  const TraverseBatch batch{.objects = objects,
                            .control = *control_.at<stub::Control>(stub::kControl),
                            .window = control_.at<std::uint64_t>(stub::kObjects),
                            .ring = *ring_.at<stub::RingHeader>(0),
                            .words = ring_.at<std::uint64_t>(0x1000),
                            .log = log,
                            .done = done,
                            .time = time_,
                            .distrusted = distrusted_};
  time_.begin_batch();
  // What a child leaves behind when it ends badly may have been damaged by any object handed out to it. Up to
  // here they are handed out one by one, so that the next bad end is that of one object.
  std::uint64_t one_by_one = 0;
  unsigned bad_children = 0;
  while (log.index() < objects.size() && time_.left() > Clock::duration::zero() &&
         children_ < limits_.children && bad_children < kMostBadChildren) {
    log.restart(log.index());
    prepare(pass, log.index());
    ++children_;
    const Verdict verdict = TraverseAttempt(batch, start(), one_by_one).run();
    if (verdict == Verdict::kFinished || verdict == Verdict::kOutOfTime) continue;
    ++bad_children;
    conclude(verdict, batch, take, one_by_one);
  }
  for (std::uint64_t i = log.index(); i < objects.size(); ++i) take(i, Status::kNotAsked, {});
  time_.end_batch();
}

// Decides what the bad end of a child says of its objects.
void TraverseSandbox::Impl::conclude(Verdict verdict, const TraverseBatch& batch, const Take& take,
                                     std::uint64_t& one_by_one) {
  const std::uint64_t at = batch.log.index();
  if (verdict == Verdict::kSpoilt) {
    // The object that did it is done: the log has the next in hand.
    distrusted_.add_type_of(batch.objects[at - 1]);
    return;
  }
  ++stats_.deaths;
  if (verdict == Verdict::kUncertain) {
    one_by_one = batch.control.available;
    batch.log.restart(at);
    return;
  }
  one_by_one = 0;
  distrusted_.add_type_of(batch.objects[at]);
  take(at, verdict == Verdict::kTimedOut ? Status::kTimedOut : Status::kKilled, {});
  batch.log.restart(at + 1);
}

void TraverseSandbox::Impl::run(std::span<const Address> objects, const Take& take) {
  std::vector<Address> again;
  std::vector<std::size_t> place;
  auto count = [&](std::size_t i, Status status, std::span<const Address> referents) {
    ++stats_.objects;
    switch (status) {
      case Status::kDone:
        break;
      case Status::kFaulted:
        ++stats_.faults;
        break;
      case Status::kTimedOut:
        ++stats_.timeouts;
        break;
      case Status::kKilled:
        break;  // counted as it happened
      case Status::kNotAsked:
        ++stats_.not_asked;
        break;
    }
    take(i, status, referents);
  };
  prove();
  ask(plain_, objects, [&](std::size_t i, Status status, std::span<const Address> referents) {
    if (status == Status::kFaulted && can_attach_) {
      again.push_back(objects[i]);
      place.push_back(i);
    } else {
      count(i, status, referents);
    }
  });
  // Some need a thread state, or something of their own to write to.
  stats_.retried += again.size();
  ask(attached_, again, [&](std::size_t i, Status status, std::span<const Address> referents) {
    count(place[i], status == Status::kNotAsked ? Status::kFaulted : status, referents);
  });
  stats_.ms = time_.spent_ms();
}

void TraverseSandbox::Impl::sizes(std::span<const Address> objects, const TakeSize& take) {
  if (!can_attach_ || is_null(offsets_.size_of)) return;
  prove();
  Pass pass = attached_;
  pass.size_of = value(offsets_.size_of);
  ask(pass, objects, [&](std::size_t i, Status status, std::span<const Address> told) {
    if (status == Status::kDone && told.size() == 1 && !is_null(told[0])) take(i, value(told[0]));
  });
  stats_.ms = time_.spent_ms();
}

TraverseSandbox::TraverseSandbox(const Capture& capture, std::int32_t main_thread,
                                 const TraverseOffsets& offsets, const TraverseLimits& limits)
    : impl_(std::make_unique<Impl>(capture, main_thread, offsets, limits)) {}

TraverseSandbox::~TraverseSandbox() = default;

void TraverseSandbox::run(std::span<const Address> objects, const Take& take) { impl_->run(objects, take); }

void TraverseSandbox::sizes(std::span<const Address> objects, const TakeSize& take) {
  impl_->sizes(objects, take);
}

const TraverseStats& TraverseSandbox::stats() const { return impl_->stats(); }

}  // namespace heapglass

#else

namespace heapglass {

class TraverseSandbox::Impl {};

TraverseSandbox::TraverseSandbox(const Capture&, std::int32_t, const TraverseOffsets&,
                                 const TraverseLimits&) {
  throw Error(ErrorKind::kUnreachable, "cannot run a copy of the target: that is done on x86-64 only",
              "--resolve=scan guesses from the objects' bytes instead");
}

TraverseSandbox::~TraverseSandbox() = default;

void TraverseSandbox::run(std::span<const Address>, const Take&) {
}  // nobody gets here: there is no TraverseSandbox

void TraverseSandbox::sizes(std::span<const Address>, const TakeSize&) {}

const TraverseStats& TraverseSandbox::stats() const {
  static const TraverseStats none;
  return none;
}

}  // namespace heapglass

#endif
