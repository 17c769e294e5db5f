#include "platform/traverse_sandbox.h"

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
#include <unordered_set>
#include <vector>

#include "lib/base/page.h"
#include "platform/confine.h"
#include "platform/proc_maps.h"
#include "platform/process.h"
#include "platform/traverse_log.h"
#include "platform/traverse_sandbox_child.h"
#include "platform/traverse_sandbox_stub.h"

namespace heapglass {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kLastUserPage = 0x7ffffffff000;
// What objects that come to no end cost together: each is given half of what is left of it, of processor
// time. The first of a type is the last of it that is asked.
constexpr std::chrono::milliseconds kEndlessInAll{1000};
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
       const CopiedProcessLimits& limits);

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
  std::uint64_t type_of(Address object) const;
  bool distrusts(Address object) const {
    return !distrusted_.empty() && distrusted_.contains(type_of(object));
  }
  std::chrono::milliseconds patience() const;

  const Capture& capture_;
  const TraverseOffsets offsets_;
  const CopiedProcessLimits limits_;
  SharedMemory control_, ring_;
  std::unique_ptr<SharedMemory> changed_;
  std::uint64_t block_ = 0;
  std::uint64_t most_referents_ = 0;
  bool can_attach_ = false, proven_ = false;
  Pass plain_, attached_;
  Clock::duration spent_{}, endless_{};
  std::unordered_set<std::uint64_t> distrusted_;  // types: an object of each came to no end, or ended a child
  unsigned children_ = 0;
  TraverseStats stats_;
};

TraverseSandbox::Impl::Impl(const Capture& capture, std::int32_t main_thread, const TraverseOffsets& offsets,
                            const CopiedProcessLimits& limits)
    : capture_(capture),
      offsets_(offsets),
      limits_(limits),
      control_("heapglass-control", stub::kRing),
      ring_("heapglass-ring", stub::kRingSize) {
  if (capture.backing.empty() || capture.threads.empty())
    cannot("the capture does not say what its memory is made of");
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
  std::vector<stub::Map> plan;
  auto add = [&](std::uint64_t start, std::uint64_t end, std::uint64_t offset, int protection,
                 int descriptor) {
    if (start >= end) return;
    const int flags =
        MAP_PRIVATE | MAP_FIXED_NOREPLACE | MAP_NORESERVE | (descriptor < 0 ? MAP_ANONYMOUS : 0);
    plan.push_back({start, end - start, offset, protection, flags, descriptor, 0});
  };
  const auto& c = *control_.at<stub::Control>(stub::kControl);
  // Thread-local storage lies below the thread pointer, the library's own data of the thread above it.
  const std::uint64_t tls_start = (c.thread_pointer[0] - (32 << 10)) / kPage * kPage;
  const std::uint64_t tls_end = (c.thread_pointer[0] + 2 * kPage) / kPage * kPage;
  std::uint64_t changed_at = 0, last_end = 0;
  for (const Backing& b : capture_.backing) {
    const std::uint64_t start = value(b.start), end = start + b.size;
    const int read = PROT_READ | (b.executable ? PROT_EXEC : 0);
    const std::uint64_t stack = c.stack_pointer[0];
    if (writable && stack >= start && stack < end && !b.file)
      // A stack grows when it is used: here it cannot, so that it gets its room at once.
      add(std::max(last_end, start > (8 << 20) ? start - (8 << 20) : kPage), start, 0, PROT_READ | PROT_WRITE,
          -1);
    last_end = end;
    if (b.descriptor < 0) continue;
    if (b.file) {
      // Data of programs and libraries: the first call of a function writes its place there.
      const int protection = read | (b.writable ? PROT_WRITE : 0);
      std::uint64_t at = start;
      for (const auto& run : b.changed) {
        add(at, value(run.start), b.offset + (at - start), protection, b.descriptor);
        add(value(run.start), value(run.start) + run.size, changed_at, protection, changed_->descriptor());
        changed_at += run.size;
        at = value(run.start) + run.size;
      }
      add(at, end, b.offset + (at - start), protection, b.descriptor);
      continue;
    }
    if (writable || tls_end <= start || tls_start >= end) {
      add(start, end, b.offset, read | (writable && b.writable ? PROT_WRITE : 0), b.descriptor);
      continue;
    }
    const std::uint64_t from = std::max(start, tls_start), to = std::min(end, tls_end);
    add(start, from, b.offset, read, b.descriptor);
    add(from, to, b.offset + (from - start), read | PROT_WRITE, b.descriptor);
    add(to, end, b.offset + (to - start), read, b.descriptor);
  }
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

std::uint64_t TraverseSandbox::Impl::type_of(Address object) const {
  std::uint64_t type = 0;
  capture_.image->load(object + offsets_.ob_type, type);
  return type;
}

std::chrono::milliseconds TraverseSandbox::Impl::patience() const {
  constexpr std::chrono::milliseconds kLeast{20};
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(kEndlessInAll - endless_);
  return std::max(kLeast, std::min(limits_.an_object / 2, left / 2));
}

void TraverseSandbox::Impl::ask(const Pass& pass, std::span<const Address> objects, const Take& take) {
  using Verdict = TraverseLog::Verdict;
  auto& control = *control_.at<stub::Control>(stub::kControl);
  auto& ring = *ring_.at<stub::RingHeader>(0);
  std::uint64_t* const window = control_.at<std::uint64_t>(stub::kObjects);
  const std::uint64_t* const words = ring_.at<std::uint64_t>(0x1000);
  TraverseLog records(most_referents_);
  const TraverseLog::Done done = [&](std::uint64_t index, int signal, std::span<const Address> referents) {
    if (signal != SIGALRM && distrusts(objects[index])) {
      take(index, Status::kNotAsked, {});
    } else if (signal == 0) {
      if (pass.size_of == 0) stats_.referents += referents.size();
      take(index, Status::kDone, referents);
    } else {
      take(index, signal == SIGALRM ? Status::kTimedOut : Status::kFaulted, {});
    }
  };
  const auto began = Clock::now();
  auto time_left = [&] {
    if (endless_ > 2 * kEndlessInAll) return Clock::duration::zero();
    return Clock::duration(limits_.in_all - spent_ - (Clock::now() - began));
  };
  // What a child leaves behind when it ends badly may have been damaged by any object handed out to it. Up to
  // here they are handed out one by one, so that the next bad end is that of one object.
  std::uint64_t one_by_one = 0;
  unsigned bad_children = 0;
  while (records.index() < objects.size() && time_left() > Clock::duration::zero() &&
         children_ < limits_.children && bad_children < kMostBadChildren) {
    records.restart(records.index());
    const std::uint64_t first = records.index();
    prepare(pass, first);
    ++children_;
    TraverseSandboxChild child(start());
    std::uint64_t taken = 0, last_index = first;
    bool last_in_object = false, alarmed = false, broken = false, too_many = false, overtime = false;
    Clock::time_point since = Clock::now();
    auto since_cpu = child.processor_time();
    const auto hand_out = [&](std::uint64_t i) {
      window[i % stub::kObjectsWindow] = distrusts(objects[i]) ? 0 : value(objects[i]);
    };
    // By its processor time: on a busy machine it may not have run at all.
    const auto is_endless = [&](Clock::time_point now) {
      const auto most = patience();
      return now - since > most && (child.processor_time() - since_cpu > most || now - since > 4 * most);
    };
    unsigned idle = 0;
    while (records.index() < objects.size()) {
      // Hand out, then see what has come; a child seen dead before the look has written all that it will.
      std::uint64_t available = control.available;
      const std::uint64_t window_size = records.index() < one_by_one ? 1 : stub::kObjectsWindow;
      const std::uint64_t want = std::min<std::uint64_t>(objects.size(), records.index() + window_size);
      for (; available < want; ++available) hand_out(available);
      __atomic_store_n(&control.available, available, __ATOMIC_RELEASE);
      const bool was_alive = idle == 0 || child.alive();
      const std::uint64_t head = __atomic_load_n(&ring.head, __ATOMIC_ACQUIRE);
      if (!TraverseLog::plausible_head(taken, head, stub::kRingWords)) broken = true;
      const bool news = !broken && head != taken;
      for (; !broken && taken < head; ++taken) {
        const std::uint64_t word = __atomic_load_n(&words[taken % stub::kRingWords], __ATOMIC_RELAXED);
        const Verdict verdict = records.take(word, available, done);
        broken = verdict == Verdict::kBroken;
        too_many |= verdict == Verdict::kTooMany;
        // Room is given back in pieces, so that the child need not wait for the last word.
        if (taken % 4096 == 0) __atomic_store_n(&control.taken, taken, __ATOMIC_RELEASE);
      }
      __atomic_store_n(&control.taken, taken, __ATOMIC_RELEASE);
      if (broken || (!was_alive && !news)) break;
      if (records.index() == objects.size()) break;

      const auto now = Clock::now();
      if (records.index() != last_index || records.in_object() != last_in_object) {
        last_index = records.index();
        last_in_object = records.in_object();
        since = now;
        since_cpu = child.processor_time();
        alarmed = too_many = false;
      } else if (!alarmed && (too_many || is_endless(now))) {
        endless_ += now - since;
        distrusted_.insert(type_of(objects[last_index]));
        for (std::uint64_t i = last_index + 1; i < available; ++i) hand_out(i);
        child.alarm();
        alarmed = true;
        since = now;
      } else if (alarmed && now - since > limits_.an_object / 4) {
        endless_ += now - since;
        overtime = true;  // not even the alarm got through
        break;
      }
      if (time_left() <= Clock::duration::zero()) break;
      if (news) {
        idle = 0;
      } else if (++idle < 100) {
        sched_yield();
      } else {
        const timespec nap{0, 50'000};
        nanosleep(&nap, nullptr);
      }
    }
    __atomic_store_n(&control.finish, 1, __ATOMIC_RELEASE);
    const bool died = !child.alive();
    child.end();
    if (records.index() == objects.size()) break;
    if (!died && !broken && !overtime) continue;  // out of time
    ++bad_children;
    if (pass.size_of && !broken && !records.in_object() && WIFEXITED(child.status()) &&
        WEXITSTATUS(child.status()) == stub::kExitSpoilt && records.index() > first) {
      distrusted_.insert(type_of(objects[records.index() - 1]));
      continue;  // the object that spoilt it has been told
    }
    ++stats_.deaths;
    const std::uint64_t at = records.index();
    // That children can be set up is proven: if no object seems to be in hand, one hid that.
    const bool certain = control.available == at + 1 || (records.in_object() && !broken);
    if (!certain) {
      one_by_one = control.available;
      records.restart(at);
      continue;
    }
    one_by_one = 0;
    distrusted_.insert(type_of(objects[at]));
    take(at, overtime ? Status::kTimedOut : Status::kKilled, {});
    records.restart(at + 1);
  }
  for (std::uint64_t i = records.index(); i < objects.size(); ++i) take(i, Status::kNotAsked, {});
  spent_ += Clock::now() - began;
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
  stats_.ms = std::chrono::duration<double, std::milli>(spent_).count();
}

void TraverseSandbox::Impl::sizes(std::span<const Address> objects, const TakeSize& take) {
  if (!can_attach_ || is_null(offsets_.size_of)) return;
  prove();
  Pass pass = attached_;
  pass.size_of = value(offsets_.size_of);
  ask(pass, objects, [&](std::size_t i, Status status, std::span<const Address> told) {
    if (status == Status::kDone && told.size() == 1 && !is_null(told[0])) take(i, value(told[0]));
  });
  stats_.ms = std::chrono::duration<double, std::milli>(spent_).count();
}

TraverseSandbox::TraverseSandbox(const Capture& capture, std::int32_t main_thread,
                                 const TraverseOffsets& offsets, const CopiedProcessLimits& limits)
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
                                 const CopiedProcessLimits&) {
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
