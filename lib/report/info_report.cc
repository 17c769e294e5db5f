#include "lib/report/info_report.h"

#include "lib/target/freeze.h"

namespace heapglass {
namespace {

// One word, or a list where several hold.
Cell state_of(const Heap& heap) {
  const std::vector<TargetState>& states = heap.states();
  if (states.empty()) return std::string("running");
  if (states.size() == 1) return states.front().name;
  List names;
  for (const TargetState& state : states) names.push_back(state.name);
  return names;
}

}  // namespace

Document info_document(const Heap& s, bool no_heap) {
  const PyRuntime& python = s.python();

  std::uint64_t bytes = 0;
  Cell objects, references, total;
  if (!no_heap) {
    for (std::uint32_t n = 0; n < s.graph().nodes(); ++n) bytes += s.graph().all_bytes(n);
    objects = std::uint64_t{s.graph().nodes()};
    references = std::uint64_t{s.graph().referent.size()};
    total = bytes;
  }
  std::uint64_t threads = 0;
  bool collecting = false, enabled = true;
  for (const PyInterpreter& i : s.interpreters()) {
    threads += i.threads.size();
    collecting |= i.collecting;
    enabled &= i.gc_enabled;
  }
  Document document;
  auto add = [&](const char* key, const char* title, Kind kind, Cell value) {
    document.fields.push_back({{key, title, kind}, std::move(value)});
  };
  add("pid", "process", Kind::kPlainNumber, std::uint64_t(s.target().pid()));
  add("command", "command", Kind::kText, s.target().command_line());
  add("executable", "executable", Kind::kText, s.target().executable());
  add("python", "Python", Kind::kText, python.version);
  add("build", "build", Kind::kText, std::string(python.py_debug ? "debug" : "release"));
  add("binary", "interpreter in", Kind::kText, python.binary->path());
  add("build_id", "build id", Kind::kText, python.binary->build_id());
  add("found_by", "found by", Kind::kText, python.how_found);
  add("layout_source", "layout from", Kind::kSentence, python.layout_source);
  add("interpreters", "interpreters", Kind::kCount, std::uint64_t(s.interpreters().size()));
  add("threads", "Python threads", Kind::kCount, threads);
  add("os_threads", "threads in all", Kind::kCount, std::uint64_t(s.capture().threads.size()));
  add("state", "state", Kind::kText, state_of(s));
  add("stopped", "stopped by a signal", Kind::kText, s.capture().was_stopped);
  add("gc_enabled", "collector enabled", Kind::kText, enabled);
  add("gc_collecting", "collecting now", Kind::kText, collecting);
  if (!no_heap) add("gc_tracked", "tracked by the collector", Kind::kCount, s.report().tracked);
  add("objects", "objects", Kind::kCount, objects);
  add("references", "references", Kind::kCount, references);
  if (!no_heap) add("resolved_by_running", "told by running their code", Kind::kCount, s.report().resolved);
  add("bytes", "bytes of objects", Kind::kBytes, total);
  if (const auto rss = s.target().resident_bytes()) add("rss", "resident memory", Kind::kBytes, *rss);
  if (const auto memory = s.target().resident_memory(); memory && memory->proportional > 0) {
    add("pss", "its share of that (Pss)", Kind::kBytes, memory->proportional);
    add("shared", "mapped by others too", Kind::kBytes, memory->mapped_by_others);
    add("shared_anonymous", "shared by forking", Kind::kBytes, memory->anonymous_mapped_by_others);
  }
  add("bytes_copied", "copied", Kind::kBytes, s.capture().bytes_copied);
  add("freeze", "held by", Kind::kText, s.capture().freeze);
  if (s.capture().freeze == name_of(FreezeMode::kNone) && !no_heap)
    add("torn", "torn objects", Kind::kCount, s.torn());
  add("pause_ms", "paused for", Kind::kMilliseconds, s.capture().pause_ms);
  return document;
}

}  // namespace heapglass
