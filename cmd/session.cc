#include "cmd/session.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <ctime>
#include <future>
#include <iostream>
#include <thread>

#include "cmd/keep_right_to_write.h"
#include "cmd/what_is_at.h"
#include "lib/analysis/histogram.h"
#include "lib/base/edit_distance.h"
#include "lib/base/elapsed.h"
#include "lib/base/error.h"
#include "lib/graph/verify.h"
#include "lib/python/collecting.h"
#include "lib/python/runtime_stage.h"
#include "lib/render/picture_file.h"
#include "lib/render/unfinished.h"
#include "lib/render/utf8.h"
#include "lib/render/write_report.h"
#include "lib/snapshot/read_recorder.h"
#include "lib/snapshot/snapshot_target.h"
#include "platform/confine.h"
#include "platform/core_target.h"
#include "platform/file_guard.h"
#include "platform/live_target.h"
#include "platform/memory_left.h"
#include "platform/regular_file.h"
#include "platform/threads.h"
#include "platform/wait_limit.h"

namespace heapglass {
namespace {

using Clock = std::chrono::steady_clock;

// Of all threads so far.
double cpu_ms() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

std::unique_ptr<Target> open_snapshot(const std::string& path, const std::function<void()>& before_parsing) {
  const auto file = std::make_shared<const RegularFile>(path);
  const std::uint64_t memory = memory_left(getpid()).bytes;
  before_parsing();
  const SnapshotSource source{
      file->size(), [file](std::uint64_t offset, std::span<std::byte> to) { return file->read(offset, to); }};
  const std::string name = path.substr(path.rfind('/') + 1);
  return std::make_unique<SnapshotTarget>(std::make_shared<SnapshotFile>(source, name, memory),
                                          file->owned_by_caller());
}

bool g_confined = false;

}  // namespace

// What TARGET names is told by looking: digits are a process id, whatever files there are.
std::unique_ptr<Target> Session::open_target(const CommonOptions& common, const SessionOptions& options) {
  const std::string& target = common.target;
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(target.data(), target.data() + target.size(), pid);
  if (end != target.data() && end == target.data() + target.size()) {
    FreezeRequest freeze = common.freeze;
    freeze.residency = options.residency;
    freeze.sharing = options.sharing;
    if (error == std::errc() && pid > 0) return std::make_unique<LiveTarget>(pid, freeze);
  } else if (access(target.c_str(), F_OK) == 0) {
    const std::string first = first_bytes(target, 8);
    if (SnapshotFile::is_snapshot(std::as_bytes(std::span(first)))) {
      // All that it takes is in the file, unless the names of what is written are in it too.
      return open_snapshot(target, [&] {
        if (!options.agree) give_up_rights(common);
      });
    }
    return std::make_unique<CoreTarget>(target, common.sysroot);
  }
  throw Error(ErrorKind::kUsage,
              "the target '" + target + "' is not a process id, nor a snapshot or core file that is there",
              "give the pid of a running Python, as `pgrep -af python` shows it");
}

// Unless another look follows. Once.
void Session::give_up_rights(const CommonOptions& common) {
  if (common.more_follow || g_confined) return;
  keep_right_to_write(common);
  why_not_confined_ = confine(wants_drawing(common) ? files_of_drawing() : std::vector<std::string>());
  g_confined = true;
}

namespace {

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

}  // namespace

std::unique_ptr<Session> Session::open(const CommonOptions& common, const SessionOptions& options) {
  constexpr int kTries = 4;
  for (int tries = 1;; ++tries) {
    try {
      return open_once(common, options);
    } catch (const BecameAnotherProgram&) {
      if (tries == kTries) throw;
    }
  }
}

// The main thread's stack, as far as it is in use.
bool Session::main_thread_ends_it() const {
  for (const ThreadRegisters& t : capture_.threads) {
    if (t.tid != target_->pid() || is_null(t.stack_pointer)) continue;
    const Mapping* const stack = find_mapping(capture_.mappings, t.stack_pointer);
    return stack && returns_to_finalize(python_, *capture_.image, t.stack_pointer, stack->end);
  }
  return false;
}

void Session::note_states(bool saved) {
  states_ = target_->states();
  if (saved) return;  // with those of the interpreter
  RuntimeStage stage = stage_of(python_, *capture_.image);
  if (stage == RuntimeStage::kRunning && main_thread_ends_it()) stage = RuntimeStage::kEnding;
  if (stage == RuntimeStage::kStarting)
    states_.push_back({"starting", "its Python is starting up: not all of it is there yet"});
  if (stage == RuntimeStage::kEnding)
    states_.push_back({"shutting down",
                       "its Python is shutting down (Py_Finalize): modules and other objects may be gone"});
}

std::unique_ptr<Session> Session::open_once(const CommonOptions& common, const SessionOptions& options) {
  std::unique_ptr<Session> session(new Session);
  Session& s = *session;
  if (g_confined) throw std::logic_error("a look at a target after the last: see CommonOptions::more_follow");
  be_first_to_be_killed();
  // Until nothing of the target is read any more.
  std::optional<WaitWatch> watch(std::in_place,
                                 [&](const std::string& what) { end_late(common.target, what); });
  s.target_ = s.open_target(common, options);
  Target& target = *s.target_;
  CommonOptions agreed = common;
  if (options.agree) options.agree(target, agreed);
  if (!common.more_follow) keep_right_to_write(agreed);
  // All that can be known without stopping anything. The buffers for the copy are made meanwhile, on another
  // core.
  auto prepared = std::async(std::launch::async, [&] {
    yield_to_others(common.nice);  // this thread; who waits for a safe point and stops the target does not
    target.prepare();
  });
  const auto* const snapshot = dynamic_cast<const SnapshotTarget*>(&target);
  if (snapshot && options.to_save)
    throw Error(ErrorKind::kUsage, "'" + common.target + "' is a snapshot already", "copy the file");
  try {
    const WaitLimit limit(WaitLimit::kFind);
    if (snapshot) {
      s.python_ = snapshot->python();
    } else {
      s.python_ = target.runs() ? PyRuntime::identify(target.memory(), target.binaries())
                                : PyRuntime::find(target.memory(), target.binaries());
    }
  } catch (const Error& error) {
    prepared.wait();
    target.check();
    throw with_name(error, target.name());
  }
  s.find_ms_ = ms_since(s.began_);

  // In the middle of a collection lists are half relinked: another moment is better, as long as one comes.
  // More than one capture only where the first shows what could not be known before it.
  constexpr int kTries = 5;
  SafePoint moment;
  for (s.captures_ = 1;; ++s.captures_) {
    if (s.captures_ == 1) prepared.get();
    if (s.captures_ == 1) {
      s.before_ms_ = ms_since(s.began_);
      s.before_cpu_ms_ = cpu_ms();
    }
    const double paused_before = s.capture_.pause_ms;
    moment.zero = collecting_flags(target.memory(), s.python_, s.limits_);
    s.capture_ = target.capture(moment);
    s.capture_.pause_ms = std::max(s.capture_.pause_ms, paused_before);
    if (options.to_save)
      s.touched_ = std::make_unique<ReadRecorder>(s.capture_.image, ReadRecorder::Unit::kPage);
    if (!s.python_.settled) {
      // Now that the target runs again there is time for its debug information.
      const auto settling = Clock::now();
      try {
        s.python_ = PyRuntime::find(*s.capture_.image, target.binaries());
      } catch (const Error& error) {
        target.check();
        if (s.reads_running() && s.captures_ < kTries) continue;
        throw with_name(error, target.name());
      }
      s.settle_ms_ = ms_since(settling);
    }
    if (const std::string wrong = s.python_.self_check(*s.capture_.image); !wrong.empty()) {
      target.check();
      if (s.reads_running() && s.captures_ < kTries) continue;
      throw Error(ErrorKind::kNotPython, "the captured memory contradicts the layout: " + wrong,
                  "is the process starting up or ending? try again");
    }
    s.objects_ = std::make_unique<Objects>(*s.capture_.image, s.python_);
    s.interpreters_ = read_interpreters(*s.objects_, s.limits_, s.health_);
    s.name_threads();
    bool collecting = false;
    for (const PyInterpreter& i : s.interpreters_) collecting |= i.collecting;
    if (!collecting || s.capture_.no_safe_point || s.captures_ == kTries || !target.runs()) break;
  }
  s.note_states(snapshot != nullptr);
  watch.reset();
  if (!common.more_follow) yield_to_others(common.nice);
  const bool own = target.owned_by_caller();
  s.resolve_ = common.resolve != "auto" ? common.resolve : own ? "run" : "scan";
  if (options.open_files && target.runs() && !snapshot) s.open_files_ = read_open_files(target.pid());
  if (!common.more_follow) {
    // Opens the debug file, if there is one. Its symbols are read when they are asked for.
    (void)s.python_.binary->may_have_structs();
    s.give_up_rights(agreed);
  }
  s.types_ = std::make_unique<TypeTable>(*s.objects_, s.limits_, s.health_);
  if (snapshot) {
    s.load(*snapshot, options);
  } else if (options.graph) {
    s.build(common, options);
  }
  s.log(common.verbose);
  return session;
}

void Session::build(const CommonOptions& common, const SessionOptions& options) {
  const auto building = Clock::now();
  const bool own = target_->owned_by_caller();
  RunResolver resolver(capture_, python_, target_->pid(), common.resolve == "run");
  BuildOptions how{.references = options.references,
                   .resolver = resolve_ == "run" ? &resolver : nullptr,
                   .scan = resolve_ != "layout"};
  for (const ThreadRegisters& t : capture_.threads) how.stack_pointers.push_back(t.stack_pointer);
  graph_ = build_graph(capture_.image, *types_, interpreters_, how, health_, report_);
  ran_ = resolver.stats();
  why_not_run_ = resolver.why_not();
  if (common.resolve == "auto" && !own)
    why_not_run_ = "the process belongs to another user: --resolve=run asks its code all the same";
  verify(graph_);
  graph_ms_ = ms_since(building);
}

// Interpreters up to 3.10 know their threads by pthread_t only, which on glibc is the thread pointer. Where
// nobody has stopped to be asked for that: it points to the end of the mapping that is the thread's stack,
// but for the main thread.
void Session::name_threads() {
  const auto mapping_of = [&](Address a) -> const Mapping* {
    for (const Mapping& m : capture_.mappings)
      if (m.start <= a && a < m.end) return &m;
    return nullptr;
  };
  for (PyInterpreter& interpreter : interpreters_)
    for (PyThread& thread : interpreter.threads) {
      if (thread.native_id != 0 || thread.thread_id == 0) continue;
      const Mapping* const stack = mapping_of(Address{thread.thread_id});
      for (const ThreadRegisters& t : capture_.threads) {
        const bool same = is_null(t.thread_pointer)
                              ? stack && !is_null(t.stack_pointer) && mapping_of(t.stack_pointer) == stack
                              : value(t.thread_pointer) == thread.thread_id;
        if (same) thread.native_id = static_cast<std::uint64_t>(t.tid);
      }
      const bool is_main = thread.native_id == 0 && &thread == &interpreters_.back().threads.back();
      if (is_main && reads_running()) thread.native_id = static_cast<std::uint64_t>(target_->pid());
    }
}

double Session::elapsed_ms() const { return ms_since(began_); }

void Session::log(bool verbose) const {
  if (!verbose) return;
  char line[1024];
  std::snprintf(
      line, sizeof line,
      "heapglass: CPython %s found in %.1f ms by %s; layout from %s; %.1f MB copied; pause %.2f ms "
      "(prepared in %.1f ms, capture %d; %.1f ms before it, %.1f ms of processor time; %.1f ms for debug "
      "information after it); graph of %u objects in %.1f ms; %.1f ms so far\n",
      printable(python_.version).c_str(), find_ms_, printable(python_.how_found).c_str(),
      printable(python_.layout_source).c_str(), static_cast<double>(capture_.bytes_copied) / 1e6,
      capture_.pause_ms, capture_.prepare_ms, captures_, before_ms_, before_cpu_ms_, settle_ms_,
      graph_.index ? graph_.nodes() : 0, graph_ms_, elapsed_ms());
  std::cerr << line;
  if (!why_not_confined_.empty())
    std::cerr << "heapglass: decoded with more rights than that takes: " << why_not_confined_ << "\n";
  if (ran_.objects == 0) return;
  std::snprintf(
      line, sizeof line,
      "heapglass: %llu objects asked by running their code in %.2f ms: %llu references, %llu faults, %llu "
      "retried, %llu timeouts, %llu deaths, %llu not asked\n",
      static_cast<unsigned long long>(ran_.objects), ran_.ms, static_cast<unsigned long long>(ran_.referents),
      static_cast<unsigned long long>(ran_.faults), static_cast<unsigned long long>(ran_.retried),
      static_cast<unsigned long long>(ran_.timeouts), static_cast<unsigned long long>(ran_.deaths),
      static_cast<unsigned long long>(ran_.not_asked));
  std::cerr << line;
}

std::vector<std::string> Session::type_names() const {
  std::vector<std::string> names;
  for (const GraphType& t : graph_.types)
    if (names.empty() || names.back() != t.name) names.push_back(t.name);
  return names;
}

std::vector<NodeId> Session::select(const std::vector<std::string>& types,
                                    const std::vector<std::string>& ids) const {
  std::vector<NodeId> nodes;
  for (const std::string& id : ids) {
    const Address a = parse_address(id);
    const NodeId node = graph_.index->find(a);
    if (node == kNoNode)
      throw Error(ErrorKind::kUsage,
                  "there is no object at " + to_hex(a) + ": " + describe_address(capture_, graph_, a),
                  "ids are addresses of this moment: `heapglass objects` lists them");
    nodes.push_back(node);
  }
  for (const std::string& wanted : types) {
    std::vector<bool> matches(graph_.types.size());
    bool any = false;
    for (std::size_t t = 0; t < graph_.types.size(); ++t)
      any |= matches[t] = type_matches(graph_.types[t].name, wanted);
    const std::size_t before = nodes.size();
    for (std::uint32_t n = 0; any && n < graph_.nodes(); ++n)
      if (matches[graph_.type[n]]) nodes.push_back(NodeId{n});
    if (nodes.size() == before)
      throw Error(ErrorKind::kUsage, "there is no object of type '" + wanted + "' in " + target_->name(),
                  did_you_mean(near_names(wanted, type_names(), 3)));
  }
  return nodes;
}

std::uint64_t Session::torn() const {
  std::uint64_t count = 0;
  for (unsigned i = 0; reads_running() && i < static_cast<unsigned>(Skip::kCount); ++i)
    if (static_cast<Skip>(i) != Skip::kTooMany) count += health_.count(static_cast<Skip>(i));
  return count;
}

namespace {

// Some names for people and the same for programs: "a, b and 3 more".
struct Named {
  std::vector<std::string> examples;
  std::size_t count = 0;
  std::string text;
  void add(const std::string& name, const std::string& figure = {}) {
    constexpr std::size_t kMost = 8;
    if (++count > kMost) return;
    examples.push_back(name);
    text += (text.empty() ? "" : ", ") + name + figure;
  }
  std::string all() const {
    return text +
           (count > examples.size() ? " and " + std::to_string(count - examples.size()) + " more" : "");
  }
};

std::string in_brackets(std::uint64_t n) { return " (" + std::to_string(n) + ")"; }

}  // namespace

std::vector<Caveat> Session::caveats() const {
  std::vector<Caveat> out = capture_.caveats;
  for (const TargetState& state : states_)
    out.push_back({"state", 0, state.name + ": " + state.text, {state.name}});
  for (const std::string& file : shrunk_files())
    out.push_back({"file-shrank",
                   0,
                   file + " shrank while it was read: what the process had of it is zeros here",
                   {file}});
  if (reads_running()) {
    const std::uint64_t count = torn();
    out.push_back(
        {"torn", count,
         "read while it ran: " +
             (count ? std::to_string(count) + (count == 1 ? " object was" : " objects were") +
                          " torn, and left out or told in part"
                    : std::string("no object was found torn, which does not prove that none was"))});
    if (!report_.lists_closed)
      out.push_back(
          {"gc-lists-changed", 0,
           "the collector's lists changed while they were read: what only they lead to is not there"});
  }
  if (!report_.unresolved.empty()) {
    std::uint64_t objects = 0;
    std::vector<std::pair<std::uint64_t, std::string>> by_count;
    for (const auto& [name, count] : report_.unresolved) {
      objects += count;
      by_count.emplace_back(count, name);
    }
    std::sort(by_count.rbegin(), by_count.rend());
    Named types;
    for (const auto& [count, name] : by_count) types.add(name, in_brackets(count));
    const bool left_out = resolve_ == "layout";
    out.push_back({left_out ? "references-left-out" : "references-guessed", objects,
                   "the references of " + std::to_string(objects) + " objects are " +
                       (left_out ? "left out where no layout tells them: " : "guessed from their bytes: ") +
                       types.all(),
                   types.examples});
    if (report_.guessed)
      out.push_back({"objects-guessed", report_.guessed,
                     std::to_string(report_.guessed) + " objects are known by these guesses alone"});
    if (!why_not_run_.empty())
      out.push_back({"not-run", 0, "not asked by running their code: " + why_not_run_});
  }
  Named distrusted;
  for (const auto& [name, count] : report_.distrusted) distrusted.add(name, in_brackets(count));
  if (distrusted.count > 0)
    out.push_back(
        {"types-distrusted", distrusted.count,
         "running their code failed for more than 1 % of the objects of some types, so that none of their "
         "answers was taken: " +
             distrusted.all(),
         distrusted.examples});
  if (ran_.timeouts || ran_.deaths)
    out.push_back({"code-did-not-end", ran_.timeouts + ran_.deaths,
                   "code of the target that was run in a copy did not come to an end " +
                       std::to_string(ran_.timeouts) + " times and ended the copy " +
                       std::to_string(ran_.deaths) + " times"});
  Named unsure;
  for (const GraphType& t : graph_.types)
    if (t.size_unsure) unsure.add(t.name);
  if (unsure.count > 0)
    out.push_back(
        {"sizes-unsure", unsure.count,
         "sizes are those of the bare object for types with a __sizeof__ of their own: " + unsure.all(),
         unsure.examples});
  if (report_.collecting)
    out.push_back({"collecting", report_.loose,
                   "the process was in the middle of a garbage collection" +
                       (report_.loose ? ": " + std::to_string(report_.loose) +
                                            " objects stood on its own lists of what may be garbage"
                                      : std::string())});
  for (unsigned i = 0; i < static_cast<unsigned>(Skip::kCount); ++i) {
    const Skip why = static_cast<Skip>(i);
    if (const std::uint64_t count = health_.count(why))
      out.push_back({"skipped",
                     count,
                     "skipped: " + std::to_string(count) + " " + std::string(describe(why)) +
                         ", the first at " + to_hex(health_.example(why)),
                     {std::string(describe(why)), to_hex(health_.example(why))}});
  }
  return out;
}

void Session::write(Document document, const CommonOptions& common, const std::string& default_format,
                    RenderOptions render) const {
  for (const Caveat& caveat : caveats()) document.add(caveat);
  const auto told = [&](std::string_view key) {
    return std::any_of(document.fields.begin(), document.fields.end(),
                       [&](const Field& field) { return field.column.key == key; });
  };
  auto add = [&](const char* key, Kind kind, Cell value) {
    if (!told(key)) document.fields.push_back({{key, "", kind, Audience::kPrograms}, std::move(value)});
  };
  add("freeze", Kind::kText, capture_.freeze);
  add("pause_ms", Kind::kMilliseconds, capture_.pause_ms);
  render.exact_bytes = common.exact_bytes;
  render.csv_raw = common.csv_raw;
  for (const std::string& warning :
       write_report(document, {common.output, common.format, default_format, common.mode}, render))
    std::cerr << "heapglass: " << warning << "\n";
}

}  // namespace heapglass
