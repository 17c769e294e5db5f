#include "lib/snapshot/saved_frames.h"

namespace heapglass {

void save_interpreters(SnapshotWriter& writer, const std::vector<PyInterpreter>& interpreters) {
  struct ThreadOf {
    std::size_t interpreter;
    const PyThread* thread;
  };
  struct FrameOf {
    std::size_t thread;
    const PyFrame* frame;
  };
  const auto threads = std::make_shared<std::vector<ThreadOf>>();
  const auto frames = std::make_shared<std::vector<FrameOf>>();
  std::vector<std::string> files, functions;
  for (std::size_t i = 0; i < interpreters.size(); ++i) {
    for (const PyThread& thread : interpreters[i].threads) {
      for (const PyFrame& frame : thread.frames) {
        frames->push_back({threads->size(), &frame});
        files.push_back(frame.file);
        functions.push_back(frame.function);
      }
      threads->push_back({i, &thread});
    }
  }
  auto column = [&](const char* name, const auto& rows, auto get) {
    writer.column<std::uint64_t>(name, rows->size(), Transform::kNone,
                                 [rows, get](std::uint64_t i) { return get((*rows)[i]); });
  };
  const auto all = std::make_shared<std::vector<const PyInterpreter*>>();
  for (const PyInterpreter& i : interpreters) all->push_back(&i);
  column("interpreters.id", all, [](const PyInterpreter* i) { return static_cast<std::uint64_t>(i->id); });
  column("interpreters.state", all, [](const PyInterpreter* i) { return value(i->state); });
  column("interpreters.collecting", all, [](const PyInterpreter* i) { return i->collecting; });
  column("interpreters.gc_enabled", all, [](const PyInterpreter* i) { return i->gc_enabled; });
  column("threads.interpreter", threads, [](const ThreadOf& t) { return t.interpreter; });
  column("threads.state", threads, [](const ThreadOf& t) { return value(t.thread->tstate); });
  column("threads.native_id", threads, [](const ThreadOf& t) { return t.thread->native_id; });
  column("threads.thread_id", threads, [](const ThreadOf& t) { return t.thread->thread_id; });
  column("frames.thread", frames, [](const FrameOf& f) { return f.thread; });
  column("frames.code", frames, [](const FrameOf& f) { return value(f.frame->code); });
  column("frames.line", frames, [](const FrameOf& f) { return static_cast<std::uint64_t>(f.frame->line); });
  writer.strings("frames.file", files);
  writer.strings("frames.function", functions);
}

}  // namespace heapglass
