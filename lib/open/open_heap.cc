#include "lib/open/open_heap.h"

#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <future>
#include <iostream>
#include <optional>
#include <stdexcept>

#include "lib/base/elapsed.h"
#include "lib/base/error.h"
#include "lib/heap/verify.h"
#include "lib/open/output_rights.h"
#include "lib/open/python_processes.h"
#include "lib/open/run_resolver.h"
#include "lib/python/collecting.h"
#include "lib/python/find_runtime.h"
#include "lib/python/runtime_stage.h"
#include "lib/render/picture_file.h"
#include "lib/render/unfinished.h"
#include "lib/render/utf8.h"
#include "lib/snapshot/load_heap.h"
#include "lib/snapshot/read_recorder.h"
#include "lib/snapshot/snapshot_target.h"
#include "platform/confine.h"
#include "platform/core_target.h"
#include "platform/live_target.h"
#include "platform/memory_left.h"
#include "platform/open_files.h"
#include "platform/regular_file.h"
#include "platform/threads.h"
#include "platform/wait_limit.h"

namespace heapglass {
namespace {

using Clock = std::chrono::steady_clock;

bool g_confined = false;
std::string g_why_not_confined;

// Once, and not while another capture follows.
void give_up_rights(const CommonOptions& common) {
  if (common.more_follow || g_confined) return;
  keep_right_to_write(common);
  g_why_not_confined = confine(wants_drawing(common) ? files_of_drawing() : std::vector<std::string>());
  g_confined = true;
}

// Of all threads so far.
double cpu_ms() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

// A target, and what it is where it is a snapshot.
struct OpenedTarget {
  std::unique_ptr<Target> target;
  const SnapshotTarget* snapshot = nullptr;
};

OpenedTarget open_snapshot(const std::string& path, const std::function<void()>& before_parsing) {
  const auto file = std::make_shared<const RegularFile>(path);
  const std::uint64_t memory = memory_left(getpid()).bytes;
  before_parsing();
  const SnapshotSource source{
      file->size(), [file](std::uint64_t offset, std::span<std::byte> to) { return file->read(offset, to); }};
  const std::string name = path.substr(path.rfind('/') + 1);
  auto snapshot = std::make_unique<SnapshotTarget>(std::make_shared<SnapshotFile>(source, name, memory),
                                                   file->owned_by_caller());
  const SnapshotTarget* const is_one = snapshot.get();
  return {std::move(snapshot), is_one};
}

// TARGET says what it is: digits are a process id and @NAME names a process, whatever files there are.
OpenedTarget open_target(const CommonOptions& common, const HeapNeeds& needs) {
  const std::string target =
      common.target.starts_with('@') ? std::to_string(process_named(common.target.substr(1))) : common.target;
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(target.data(), target.data() + target.size(), pid);
  if (end != target.data() && end == target.data() + target.size()) {
    FreezeRequest freeze = common.freeze;
    freeze.residency = needs.residency;
    freeze.sharing = needs.sharing;
    if (error == std::errc() && pid > 0) return {std::make_unique<LiveTarget>(pid, freeze)};
  } else if (access(target.c_str(), F_OK) == 0) {
    const std::string first = first_bytes(target, 8);
    if (SnapshotFile::is_snapshot(std::as_bytes(std::span(first)))) {
      // All that it takes is in the file, unless the names of what is written are in it too.
      return open_snapshot(target, [&] {
        if (!needs.agree) give_up_rights(common);
      });
    }
    return {std::make_unique<CoreTarget>(target, common.sysroot)};
  }
  throw Error(ErrorKind::kUsage,
              "the target '" + target + "' is not a process id, nor a snapshot or core file that is there",
              "give the pid of a running Python, as `pgrep -af python` shows it");
}

// Nothing else ends such a wait: not ^C, and no time limit of the call.
[[noreturn]] void end_late(const std::string& target, const std::string& what) {
  remove_unfinished_files();
  const std::string line =
      "heapglass: process " + printable(target) + " was given up: " + what +
      " (a page may be for a file system or a userfaultfd to bring that does not answer, "
      "or the machine is short of memory: try again)\n";
  if (write(STDERR_FILENO, line.data(), line.size()) < 0) {
    // There is nobody to tell.
  }
  _exit(static_cast<int>(ErrorKind::kUnreachable));
}

// What finding the interpreter says of "this process" is said of it by its name.
Error with_name(const Error& error, const std::string& name) {
  constexpr std::string_view kThis = "this process";
  std::string what = error.what();
  if (const std::size_t at = what.find(kThis); at != std::string::npos) what.replace(at, kThis.size(), name);
  return Error(error.kind(), what, error.hint(), error.detail());
}

// Where a stack word of the main thread, as far as the stack is in use, returns into Py_Finalize.
bool main_thread_ends_it(const HeapParts& parts) {
  for (const ThreadRegisters& t : parts.capture.threads) {
    if (t.tid != parts.target->pid() || is_null(t.stack_pointer)) continue;
    const Mapping* const stack = find_mapping(parts.capture.mappings, t.stack_pointer);
    return stack && returns_to_finalize(parts.python, *parts.capture.image, t.stack_pointer, stack->end);
  }
  return false;
}

// What the kernel says of the target, and the interpreter of itself; a snapshot has both.
std::vector<TargetState> states_of(const HeapParts& parts) {
  std::vector<TargetState> states = parts.target->states();
  if (parts.snapshot) return states;
  RuntimeStage stage = stage_of(parts.python, *parts.capture.image);
  if (stage == RuntimeStage::kRunning && main_thread_ends_it(parts)) stage = RuntimeStage::kEnding;
  if (stage == RuntimeStage::kStarting)
    states.push_back({"starting", "its Python is starting up: not all of it is there yet"});
  if (stage == RuntimeStage::kEnding)
    states.push_back({"shutting down",
                      "its Python is shutting down (Py_Finalize): modules and other objects may be gone"});
  return states;
}

// Interpreters up to 3.10 know their threads by pthread_t only, which on glibc is the thread pointer. Where
// no thread was stopped, so that there are no registers, it points to the end of the mapping that is the
// thread's stack, but for the main thread.
void name_threads(HeapParts& parts) {
  const std::vector<ThreadRegisters>& registers = parts.capture.threads;
  const auto mapping_of = [&](Address a) { return find_mapping(parts.capture.mappings, a); };
  for (PyInterpreter& interpreter : parts.interpreters)
    for (PyThread& thread : interpreter.threads) {
      if (thread.native_id != 0 || thread.thread_id == 0) continue;
      const Mapping* const stack = mapping_of(Address{thread.thread_id});
      for (const ThreadRegisters& t : registers) {
        const bool same = is_null(t.thread_pointer)
                              ? stack && !is_null(t.stack_pointer) && mapping_of(t.stack_pointer) == stack
                              : value(t.thread_pointer) == thread.thread_id;
        if (same) thread.native_id = static_cast<std::uint64_t>(t.tid);
      }
      const bool is_main = thread.native_id == 0 && &thread == &parts.interpreters.back().threads.back();
      if (is_main && parts.capture.freeze == name_of(FreezeMode::kNone))
        thread.native_id = static_cast<std::uint64_t>(parts.target->pid());
    }
}

// One opening, step by step; how long each took is printed with --verbose.
class Opening {
 public:
  Opening(const CommonOptions& common, const HeapNeeds& needs) : common_(common), needs_(needs) {}

  std::unique_ptr<Heap> run() {
    if (g_confined) throw std::logic_error("a capture after the last: see TargetOptions::more_follow");
    be_first_to_be_killed();
    CommonOptions agreed = common_;
    {
      // Until nothing of the target is read any more.
      const WaitWatch watch([&](const std::string& what) { end_late(common_.target, what); });
      open(agreed);
      find_interpreter();
      capture_until_it_is_valid();
      parts_->states = states_of(*parts_);
    }
    if (!common_.more_follow) yield_to_others(common_.nice);
    parts_->resolve = common_.resolve != "auto" ? common_.resolve : is_own_ ? "run" : "scan";
    if (needs_.open_files && parts_->target->runs())
      parts_->open_files = read_open_files(parts_->target->pid());
    if (!common_.more_follow) {
      // Opens the debug file, if there is one. Its symbols are read when they are asked for.
      (void)parts_->python.binary->may_have_structs();
      give_up_rights(agreed);
    }
    parts_->types = std::make_unique<TypeTable>(*parts_->objects, parts_->limits, parts_->read_errors);
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
    is_own_ = parts_->target->owned_by_caller();
    if (needs_.agree) needs_.agree(*parts_->target, agreed);
    if (!common_.more_follow) keep_right_to_write(agreed);
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
    prepared_.get();
    before_ms_ = ms_since(began_);
    before_cpu_ms_ = cpu_ms();
    for (captures_ = 1; !capture_once(captures_ == kTries); ++captures_) {
    }
  }

  // False: another capture may be better, and this is not the `last`.
  bool capture_once(bool last) {
    Target& target = *parts_->target;
    PyRuntime& python = parts_->python;
    Capture& capture = parts_->capture;
    const double paused_before = capture.pause_ms;
    SafePoint moment;
    moment.zero = collecting_flags(target.memory(), python, parts_->limits);
    capture = target.capture(moment);
    capture.pause_ms = std::max(capture.pause_ms, paused_before);
    if (needs_.to_save)
      parts_->recorder = std::make_shared<ReadRecorder>(capture.image, ReadRecorder::Unit::kPage);
    const bool read_while_running = capture.freeze == name_of(FreezeMode::kNone);
    if (layout_pending_ && !load_layout(!read_while_running || last)) return false;
    if (const std::string wrong = python.self_check(*capture.image); !wrong.empty()) {
      target.check();
      if (read_while_running && !last) return false;
      throw Error(ErrorKind::kNotPython, "the captured memory contradicts the layout: " + wrong,
                  "is the process starting up or ending? try again");
    }
    parts_->objects = std::make_unique<Objects>(*capture.image, python);
    parts_->interpreters = read_interpreters(*parts_->objects, parts_->limits, parts_->read_errors);
    name_threads(*parts_);
    bool collecting = false;
    for (const PyInterpreter& i : parts_->interpreters) collecting |= i.collecting;
    return !collecting || capture.no_safe_point || last || !target.runs();
  }

  // Now that the target runs again there is time for its debug information. False where that fails and need
  // not be told, unless it `must`.
  bool load_layout(bool must) {
    const auto loading = Clock::now();
    try {
      parts_->python = find_runtime(*parts_->capture.image, parts_->target->binaries());
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
    p.graph = build_graph(p.capture.image, *p.types, p.interpreters, how, p.read_errors, p.report);
    p.traversed = resolver.stats();
    p.why_not_run = resolver.why_not();
    if (common_.resolve == "auto" && !is_own_)
      p.why_not_run = "the process belongs to another user: --resolve=run asks its code all the same";
    verify(p.graph);
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
  bool is_own_ = false;
  bool layout_pending_ = false;  // debug information is still to be read
  int captures_ = 0;
  double find_ms_ = 0, graph_ms_ = 0, before_ms_ = 0, before_cpu_ms_ = 0, layout_ms_ = 0;
  // Last: it is waited for before what it uses goes.
  std::future<void> prepared_;
};

}  // namespace

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
