#include "lib/open/open_heap.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <future>
#include <iostream>
#include <stdexcept>

#include "lib/base/elapsed.h"
#include "lib/base/error.h"
#include "lib/base/progress.h"
#include "lib/heap/interpreter_labels.h"
#include "lib/heap/unreached_objects.h"
#include "lib/heap/verify.h"
#include "lib/memory/memory_account.h"
#include "lib/memory/native_bytes.h"
#include "lib/open/heap_facts.h"
#include "lib/open/output_rights.h"
#include "lib/open/python_processes.h"
#include "lib/open/run_resolver.h"
#include "lib/open/tell_captured.h"
#include "lib/python/collecting.h"
#include "lib/python/find_runtime.h"
#include "lib/render/picture_file.h"
#include "lib/render/progress_line.h"
#include "lib/render/unfinished.h"
#include "lib/render/utf8.h"
#include "lib/snapshot/load_heap.h"
#include "lib/snapshot/read_recorder.h"
#include "lib/snapshot/snapshot_target.h"
#include "lib/threads/match_threads.h"
#include "platform/confinement/confine.h"
#include "platform/files/file_descriptor.h"
#include "platform/files/quantity_text.h"
#include "platform/files/regular_file.h"
#include "platform/process/memory_left.h"
#include "platform/process/open_files.h"
#include "platform/process/process.h"
#include "platform/process/threads.h"
#include "platform/process/wait_limit.h"
#include "platform/targets/core_target.h"
#include "platform/targets/live_target.h"

namespace heapglass {
namespace {

using Clock = std::chrono::steady_clock;

bool g_confined = false;
std::string g_why_not_confined;

// Once, and not while another capture follows.
void give_up_rights(const CommonOptions& common) {
  if (common.more_captures || g_confined) return;
  end_progress_line();
  keep_right_to_write(common);
  g_why_not_confined = confine(wants_drawing(common) ? files_of_drawing() : std::vector<std::string>());
  g_confined = true;
  start_progress_line();
}

// Of all threads so far.
double cpu_ms() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

// A target, and what it is where it is a snapshot or a process.
struct OpenedTarget {
  std::unique_ptr<Target> target;
  const SnapshotTarget* snapshot = nullptr;
  LiveTarget* live = nullptr;
};

OpenedTarget open_snapshot(const SnapshotHandle& handle) {
  auto snapshot = std::make_unique<SnapshotTarget>(snapshot_file(handle), handle.file->owned_by_caller());
  const SnapshotTarget* const is_one = snapshot.get();
  return {std::move(snapshot), is_one};
}

// What the word TARGET names.
struct NamedTarget {
  pid_t pid = 0;  // 0: it is a file
  std::string path;
  bool is_snapshot = false;  // by its first bytes; else it is a core file
};

// TARGET says what it is: digits are a process id and @NAME names a process, whatever files there are.
NamedTarget find_target(const std::string& word) {
  const std::string target = word.starts_with('@') ? std::to_string(process_named(word.substr(1))) : word;
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(target.data(), target.data() + target.size(), pid);
  if (end != target.data() && end == target.data() + target.size()) {
    if (error == std::errc() && pid > 0) return {.pid = pid, .path = {}};
  } else if (access(target.c_str(), F_OK) == 0) {
    const std::string first = first_bytes(target, 8);
    return {.path = target, .is_snapshot = SnapshotFile::is_snapshot(std::as_bytes(std::span(first)))};
  }
  throw Error(ErrorKind::kUsage,
              "the target '" + target + "' is not a process id, nor a snapshot or core file that is there",
              "give the id of a running Python, as `heapglass ps` lists them");
}

OpenedTarget open_target(const CommonOptions& common, const HeapNeeds& needs) {
  if (common.opened) return open_snapshot(*common.opened);
  const NamedTarget named = find_target(common.target);
  if (named.pid) {
    FreezeRequest freeze = common.freeze;
    freeze.residency = needs.residency;
    freeze.sharing = needs.sharing;
    auto live = std::make_unique<LiveTarget>(named.pid, freeze);
    LiveTarget* const is_one = live.get();
    return {std::move(live), nullptr, is_one};
  }
  if (named.is_snapshot) {
    const SnapshotHandle handle = open_handle(named.path);
    // All that it takes is in the file, unless the names of what is written are in it too.
    if (!needs.agree) give_up_rights(common);
    return open_snapshot(handle);
  }
  return {std::make_unique<CoreTarget>(named.path, common.sysroot, common.is_piped_core)};
}

// Nothing else ends such a wait: not ^C, and no time limit of the call.
[[noreturn]] void end_late(const std::string& target, const std::string& what) {
  remove_unfinished_files();  // and restores the terminal
  const std::string line =
      "heapglass: process " + printable(target) + " was given up: " + what +
      " (a page may be for a file system or a userfaultfd to bring that does not answer, "
      "or the machine is short of memory: try again)\n";
  if (write(STDERR_FILENO, line.data(), line.size()) < 0) {
    // There is nobody to tell.
  }
  _exit(static_cast<int>(ErrorKind::kUnreachable));
}

// A copy of less than what is its own has none of the heap. What it takes is known better later, where there
// is room for the tables of its programs.
void refuse_where_limit_is_short(const LiveTarget& target) {
  const auto resident = target.resident_memory();
  const MemoryLeft left = memory_left(getpid());
  if (!resident || !left.is_own_limit() || left.bytes >= resident->anonymous + kRoomForOurselves) return;
  throw Error(ErrorKind::kUnreachable,
              "too little memory for a copy of " + target.name() + ": " + as_mb(resident->anonymous) +
                  " of it are its own, and the limit of heapglass (--max-memory, ulimit -d) has " +
                  as_mb(left.bytes) + " left",
              "the process was not stopped; allow twice that and 60 MB");
}

// What finding the interpreter says of "this process" is said of it by its name.
Error with_name(const Error& error, const std::string& name) {
  constexpr std::string_view kThis = "this process";
  std::string what = error.what();
  if (const std::size_t at = what.find(kThis); at != std::string::npos) what.replace(at, kThis.size(), name);
  return Error(error.kind(), what, error.hint(), error.detail());
}

// Objects from all over the heap, in some of which pymalloc's pools are known again.
std::vector<Address> some_objects(const AddressIndex& index) {
  constexpr std::uint64_t kSome = 512;
  std::vector<Address> some;
  const std::uint64_t step = std::max<std::uint64_t>(index.blocks() / kSome, 1);
  for (std::uint64_t block = 0; block < index.blocks(); block += step) {
    bool first = true;
    index.each_in_blocks(block, block + 1, [&](Address a) {
      if (first) some.push_back(a);
      first = false;
    });
  }
  return some;
}

// Of its memory, before they are counted.
constexpr std::uint64_t kBytesPerObject = 100;

// One opening, step by step; how long each took is printed with --verbose.
class Opening {
 public:
  Opening(const CommonOptions& common, const HeapNeeds& needs) : common_(common), needs_(needs) {}

  std::unique_ptr<Heap> run() {
    std::optional<InStage> stage(Stage::kCapture);
    if (g_confined && !common_.opened)
      throw std::logic_error("a capture after the last: see TargetOptions::more_follow");
    be_first_to_be_killed();
    CommonOptions agreed = common_;
    {
      // Until nothing of the target is read any more.
      const WaitWatch watch([&](const std::string& what) { end_late(common_.target, what); });
      open(agreed);
      find_interpreter();
      if (!live_ || !live_->demanded() || !capture_what_is_read()) capture_until_it_is_valid();
      parts_->states = states_of(*parts_);
      if (needs_.on_capture) needs_.on_capture(*parts_->target, parts_->capture);
    }
    stage.reset();
    if (!common_.more_captures) {
      tell_captured();
      yield_to_others(common_.nice);
    }
    parts_->resolve = common_.resolve != "auto" ? common_.resolve : is_own_ ? "run" : "scan";
    if (needs_.open_files && parts_->target->runs())
      parts_->open_files = read_open_files(parts_->target->pid());
    open_debug_files();
    if (!common_.more_captures) give_up_rights(agreed);
    make_types();
    stage.emplace(parts_->snapshot ? Stage::kLoad : Stage::kAllocators);
    if (parts_->snapshot)
      load_heap(*parts_->snapshot, {.graph = needs_.graph, .references = needs_.references}, *parts_);
    else if (needs_.graph)
      build();
    if (common_.verbose) log();
    return std::make_unique<Heap>(std::move(parts_));
  }

 private:
  void open(CommonOptions& agreed) {
    OpenedTarget opened = open_target(common_, needs_);
    parts_->target = std::move(opened.target);
    parts_->snapshot = opened.snapshot;
    live_ = opened.live;
    // The other modes make something of the target's before they read it: not for some hundred pages.
    const FreezeMode mode = common_.freeze.mode;
    if (live_ && needs_.rehearse && mode != FreezeMode::kFork && mode != FreezeMode::kPrecopy)
      live_->demand_pages();
    if (live_ && !live_->demanded()) refuse_where_limit_is_short(*live_);
    is_own_ = parts_->target->owned_by_caller();
    if (needs_.agree) needs_.agree(*parts_->target, agreed);
    if (!common_.more_captures) keep_right_to_write(agreed);
    start_progress_line();
    begin_heap(parts_->target->resident_bytes().value_or(0) / kBytesPerObject,
               parts_->snapshot ? kStagesOfCapture : stages({Stage::kLoad}));
    // All that can be known without stopping anything. The buffers for the copy are made meanwhile, on
    // another core.
    prepared_ = std::async(std::launch::async, [&] {
      yield_to_others(
          common_.nice);  // this thread; the one that waits for a safe point and stops the target does not
      parts_->target->prepare();
    });
    if (parts_->snapshot && needs_.to_save)
      throw Error(ErrorKind::kUsage, "'" + common_.target + "' is a snapshot already", "copy the file");
  }

  void find_interpreter() {
    Target& target = *parts_->target;
    try {
      const WaitLimit limit(WaitLimit::kFind);
      if (parts_->snapshot)
        parts_->python = parts_->snapshot->python();
      else if (target.runs())
        identify(target);
      else
        parts_->python = find_runtime(target.memory(), target.binaries());
    } catch (const Error& error) {
      prepared_.wait();
      target.check();
      const std::string relatives =
          error.kind() == ErrorKind::kNotPython && target.runs() ? python_relatives(target.pid()) : "";
      const Error named = with_name(error, target.name());
      if (relatives.empty()) throw named;
      throw Error(named.kind(), named.what(), relatives, named.detail());
    }
    find_ms_ = ms_since(began_);
  }

  void identify(Target& target) {
    IdentifiedRuntime identified = identify_runtime(target.memory(), target.binaries());
    parts_->python = std::move(identified.python);
    layout_pending_ = identified.layout_pending;
  }

  // In the middle of a collection lists are half relinked: another moment is better, as long as one comes.
  // More than one capture only where the first shows what could not be known before it.
  void capture_until_it_is_valid() {
    wait_until_prepared();
    for (captures_ = 1;; ++captures_) {
      const bool last = captures_ == kTries;
      capture();
      const bool running = parts_->capture.freeze == name_of(FreezeMode::kNone);
      moment_ = running ? MemoryMoment::kMany : MemoryMoment::kOne;
      if (decode_capture(last)) return;
    }
  }

  // The same of those pages alone that the answer reads. A capture, in which late pages are of a later
  // moment, shows which those are; the next has them. The pages that a busy process makes it read are others
  // each time: then the last capture holds it until the answer is known. False where that takes too long, or
  // the answer reads much: all is to be taken.
  bool capture_what_is_read() {
    constexpr std::chrono::milliseconds kLongestHeld{50};
    wait_until_prepared();
    const DemandedPages& pages = *live_->demanded();
    const bool one_moment = common_.freeze.mode != FreezeMode::kNone;
    bool known = false;
    for (captures_ = 1; captures_ <= kTries && !known; ++captures_) {
      const bool last = captures_ == kTries, held = last && one_moment;
      moment_ = held ? MemoryMoment::kOne : MemoryMoment::kMany;
      if (held)
        live_->decode_while_held([&](Capture& taken) {
          parts_->capture = taken;
          known = !layout_pending_ && decode_capture(false) && rehearse(Clock::now() + kLongestHeld);
        });
      capture();
      if (!held)
        known = decode_capture(last && !one_moment) && rehearse(Clock::time_point::max()) &&
                (!one_moment || pages.pages_late() == 0);
      if (pages.is_too_much()) break;
    }
    --captures_;
    parts_->capture.bytes_copied = pages.bytes_taken();
    if (std::string note = pages.page_out_again(); !note.empty())
      parts_->capture.caveats.push_back({"swap", 0, std::move(note)});
    live_->demanded()->close();
    if (known && !pages.is_too_much()) return true;
    live_->take_all_pages();
    return false;
  }

  // In a child, with what the answer is computed from there. False: it takes longer.
  bool rehearse(Clock::time_point until) {
    parts_->states = states_of(*parts_);
    open_debug_files();
    return live_->demanded()->rehearse(
        [&] {
          make_types();
          const Heap heap(std::move(parts_));
          needs_.rehearse(heap);
          (void)heap.caveats();
        },
        until);
  }

  // As far as there are some. Their symbols are read when they are asked for, which may be when the rights
  // are given up, also those of a heap that was opened before the last.
  void open_debug_files() {
    (void)parts_->python.binary->may_have_structs();
    if (needs_.binaries) parts_->binaries = parts_->target->binaries();
    for (const auto& each : parts_->binaries) (void)each->may_have_structs();
  }

  void make_types() {
    parts_->types = std::make_unique<TypeTable>(*parts_->objects, parts_->limits, parts_->read_errors);
    label_modules(*parts_->types, parts_->interpreters);
  }

  void wait_until_prepared() {
    if (!prepared_.valid()) return;  // all is copied after all, for which the target prepares itself
    prepared_.get();
    before_ms_ = ms_since(began_);
    before_cpu_ms_ = cpu_ms();
  }

  void capture() {
    Target& target = *parts_->target;
    const double paused_before = parts_->capture.pause_ms;
    SafePoint safe_point;
    safe_point.zero = collecting_flags(target.memory(), parts_->python, parts_->limits);
    parts_->capture = target.capture(safe_point);
    parts_->capture.pause_ms = std::max(parts_->capture.pause_ms, paused_before);
  }

  // False: another capture may be better, and this is not the `last`.
  bool decode_capture(bool last) {
    Target& target = *parts_->target;
    PyRuntime& python = parts_->python;
    const Capture& capture = parts_->capture;
    if (needs_.to_save)
      parts_->recorder = std::make_shared<ReadRecorder>(capture.image, ReadRecorder::Unit::kWholePage);
    const bool read_while_running = moment_ == MemoryMoment::kMany;
    if (layout_pending_ && !load_layout(!read_while_running || last)) return false;
    if (const std::string wrong = python.self_check(*capture.image); !wrong.empty()) {
      target.check();
      if (read_while_running && !last) return false;
      throw Error(ErrorKind::kNotPython, "the captured memory contradicts the layout: " + wrong,
                  "is the process starting up or ending? try again");
    }
    parts_->objects = std::make_unique<Objects>(*capture.image, python);
    parts_->interpreters = read_interpreters(*parts_->objects, parts_->limits, parts_->read_errors);
    match_threads(*parts_->objects, capture, target.pid(), parts_->interpreters);
    bool collecting = false;
    for (const PyInterpreter& i : parts_->interpreters) collecting |= i.collecting;
    return !collecting || capture.no_safe_point || last || !target.runs();
  }

  // Now that the target runs again there is time for its debug information. False where that fails and need
  // not be told, unless it `must`.
  bool load_layout(bool must) {
    const auto loading = Clock::now();
    try {
      parts_->python = find_runtime(*parts_->capture.image, parts_->target->binaries(), moment_);
    } catch (const Error& error) {
      parts_->target->check();
      if (!must) return false;
      throw with_name(error, parts_->target->name());
    }
    layout_pending_ = false;
    layout_ms_ = ms_since(loading);
    return true;
  }

  void build() {
    const auto building = Clock::now();
    HeapParts& p = *parts_;
    RunResolver resolver(p.capture, p.python, p.target->pid(), common_.resolve == "run");
    BuildOptions how{.references = needs_.references,
                     .resolver = p.resolve == "run" ? &resolver : nullptr,
                     .scan = p.resolve != "layout"};
    for (const ThreadRegisters& t : p.capture.threads) how.stack_pointers.push_back(t.stack_pointer);
    // What is read of the allocators is not noted for a snapshot: it has what comes out of this.
    Capture unrecorded = p.capture;
    unrecorded.image = unrecorded_view(p.capture.image);
    const Objects objects(*unrecorded.image, p.python);
    std::optional<Allocators> found;
    const auto allocators = [&](const AddressIndex& index) -> const Allocators& {
      if (!found) found = read_allocators(unrecorded, objects, p.interpreters, some_objects(index));
      return *found;
    };
    if (p.capture.freeze != name_of(FreezeMode::kNone))
      how.find_unreached = [&](const AddressIndex& marked, TypeTable& types) {
        return find_unreached_objects(marked, types, objects, allocators(marked));
      };
    p.graph = build_graph(p.capture.image, *p.types, p.interpreters, how, p.read_errors, p.report);
    if (auto caveat = add_native_bytes(p.graph, objects, unrecorded,
                                       [&]() -> const Allocators& { return allocators(*p.graph.index); }))
      p.capture.caveats.push_back(std::move(*caveat));
    add_words_caveat(p);
    add_unreached_caveat(p);
    p.traversed = resolver.stats();
    p.why_not_run = resolver.why_not();
    if (common_.resolve == "auto" && !is_own_)
      p.why_not_run = "the process belongs to another user: --resolve=run asks its code all the same";
    verify(p.graph);
    expect_objects(p.graph.nodes());
    graph_ms_ = ms_since(building);
  }

  void log() const {
    const HeapParts& p = *parts_;
    char line[1024];
    std::snprintf(
        line, sizeof line,
        "heapglass: CPython %s found in %.1f ms by %s; layout from %s; %.1f MB copied; pause %.2f ms "
        "(prepared in %.1f ms, capture %d; %.1f ms before it, %.1f ms of processor time; %.1f ms for debug "
        "information after it); graph of %u objects in %.1f ms; %.1f ms so far\n",
        printable(p.python.version).c_str(), find_ms_, printable(p.python.how_found).c_str(),
        printable(p.python.layout_source).c_str(), static_cast<double>(p.capture.bytes_copied) / 1e6,
        p.capture.pause_ms, p.capture.prepare_ms, captures_, before_ms_, before_cpu_ms_, layout_ms_,
        p.graph.nodes(), graph_ms_, ms_since(began_));
    std::cerr << line;
    if (!g_why_not_confined.empty())
      std::cerr << "heapglass: decoded with more rights than that takes: " << g_why_not_confined << "\n";
    const TraverseStats& ran = p.traversed;
    if (ran.objects == 0) return;
    std::snprintf(
        line, sizeof line,
        "heapglass: %llu objects asked by running their code in %.2f ms: %llu references, %llu faults, %llu "
        "retried, %llu timeouts, %llu deaths, %llu not asked\n",
        static_cast<unsigned long long>(ran.objects), ran.ms, static_cast<unsigned long long>(ran.referents),
        static_cast<unsigned long long>(ran.faults), static_cast<unsigned long long>(ran.retried),
        static_cast<unsigned long long>(ran.timeouts), static_cast<unsigned long long>(ran.deaths),
        static_cast<unsigned long long>(ran.not_asked));
    std::cerr << line;
  }

  static constexpr int kTries = 5;
  const CommonOptions& common_;
  const HeapNeeds& needs_;
  const Clock::time_point began_ = Clock::now();
  std::unique_ptr<HeapParts> parts_ = std::make_unique<HeapParts>();
  LiveTarget* live_ = nullptr;  // the target, where it is a process
  bool is_own_ = false;
  MemoryMoment moment_ = MemoryMoment::kOne;  // of the capture
  bool layout_pending_ = false;               // debug information is still to be read
  int captures_ = 0;
  double find_ms_ = 0, graph_ms_ = 0, before_ms_ = 0, before_cpu_ms_ = 0, layout_ms_ = 0;
  // Last: it is waited for before what it uses goes.
  std::future<void> prepared_;
};

}  // namespace

void check_targets(const TargetOptions& common, std::span<const std::string> targets) {
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (std::find(targets.begin(), targets.begin() + static_cast<std::ptrdiff_t>(i), targets[i]) !=
        targets.begin() + static_cast<std::ptrdiff_t>(i))
      continue;
    const NamedTarget named = find_target(targets[i]);
    // What is wrong inside of a snapshot is found when the rights are given up.
    if (named.pid)
      (void)Process::open(named.pid);
    else if (!named.is_snapshot)
      (void)CoreTarget(named.path, common.sysroot);
  }
}

std::vector<SnapshotHandle> open_snapshots(const CommonOptions& common, std::span<const std::string> paths) {
  take_many_descriptors();
  std::vector<SnapshotHandle> handles;
  for (const std::string& path : paths) {
    if (!find_target(path).is_snapshot)
      throw Error(ErrorKind::kUsage, "'" + path + "' is no snapshot", "heapglass snapshot makes one of it");
    handles.push_back(open_handle(path));
  }
  give_up_rights(common);
  return handles;
}

std::unique_ptr<Heap> open_heap(const CommonOptions& common, const HeapNeeds& needs) {
  constexpr int kTries = 4;
  for (int tries = 1;; ++tries) {
    try {
      return Opening(common, needs).run();
    } catch (const BecameAnotherProgram&) {
      if (tries == kTries) throw;
    }
  }
}

}  // namespace heapglass
