#include "lib/report/stacks.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>

#include "lib/heap/interpreter_labels.h"
#include "lib/python/python_repr.h"
#include "lib/render/numbers.h"
#include "lib/report/native_stack_cells.h"
#include "lib/threads/await_chains.h"
#include "lib/threads/greenlets.h"
#include "lib/threads/thread_waits.h"

namespace heapglass {
namespace {

// "4711 (worker)"
std::string who(const ThreadView& thread) {
  const std::string id =
      std::to_string(thread.python->native_id ? thread.python->native_id : thread.python->thread_id);
  const std::string label = interpreter_label(thread.interpreter->id);
  return (thread.name.empty() ? id : id + " (" + thread.name + ")") + (label.empty() ? "" : " " + label);
}

Cell id_of(const ThreadView& thread) {
  return thread.python->native_id ? Cell(thread.python->native_id) : Cell();
}

class Stacks {
 public:
  Stacks(const Heap& heap, const StackOptions& options)
      : s_(heap),
        options_(options),
        contents_(heap.types()),
        values_(heap.types(), heap.graph(), heap.interpreters()),
        threads_(view_threads(values_, heap.objects(), heap.interpreters(), heap.capture().threads)),
        waits_(find_waits(heap.types(), values_, threads_, heap.interpreters())),
        native_(heap, options.native, options.most_frames) {}

  Document document() {
    Document document;
    auto add = [&](const char* key, const char* title, Kind kind, Cell value) {
      document.fields.push_back({{key, title, kind}, std::move(value)});
    };
    add("pid", "process", Kind::kPlainNumber, std::uint64_t(s_.target().pid()));
    add("command", "command", Kind::kText, s_.target().command_line());
    add("python", "Python", Kind::kText, s_.python().version);
    if (s_.capture().was_stopped) add("stopped", "stopped by a signal", Kind::kText, true);
    bool collecting = false;
    for (const PyInterpreter& i : s_.interpreters()) collecting |= i.collecting;
    add("collecting", "collecting now", Kind::kText, collecting);
    List deadlocks, texts;
    for (const Deadlock& d : waits_.deadlocks) {
      List ids;
      for (const std::size_t t : d.threads) ids.push_back(id_of(threads_[t]));
      deadlocks.push_back(std::move(ids));
      texts.push_back(tell(d));
    }
    document.fields.push_back({{"deadlocks", "", Kind::kText, Audience::kPrograms}, std::move(deadlocks)});
    for (const Cell& text : texts)
      document.fields.push_back({{"deadlock", "deadlock", Kind::kSentence, Audience::kPeople}, text});
    document.fields.push_back({{"deadlock_texts", "", Kind::kText, Audience::kPrograms}, std::move(texts)});
    document.sections.push_back(thread_table());
    if (Table others = other_threads(); !others.rows.empty()) document.sections.push_back(std::move(others));
    if (Table tasks = task_table(); !tasks.rows.empty()) document.sections.push_back(std::move(tasks));
    if (Table greenlets = greenlet_table(); !greenlets.rows.empty())
      document.sections.push_back(std::move(greenlets));
    return document;
  }

 private:
  std::string where_it_waits(std::size_t t) const {
    const auto& frames = threads_[t].python->frames;
    return frames.empty() ? "?" : place_of(frames[std::min(waits_.waits[t].frame, frames.size() - 1)]);
  }

  std::string tell(const Deadlock& d) const {
    std::string text = d.sure ? "" : "perhaps (who has a lock is guessed here, it does not tell): ";
    for (std::size_t i = 0; i < d.threads.size(); ++i) {
      const std::size_t t = d.threads[i], next = d.threads[(i + 1) % d.threads.size()];
      text += (i ? "; " : "") + std::string("thread ") + who(threads_[t]) + " waits in " + where_it_waits(t) +
              " for " + waits_.waits[t].text;
      if (t == next)
        text += ", which it has itself";
      else if (waits_.waits[t].what == ThreadWait::For::kLock)
        text += ", which thread " + who(threads_[next]) + " has";
    }
    return text;
  }

  std::string state_of(std::size_t t) const {
    const ThreadView& thread = threads_[t];
    const ThreadWait& wait = waits_.waits[t];
    const bool holds = thread.interpreter->gil_holder == thread.python->tstate;
    if (holds && thread.interpreter->collecting) return "collecting";
    if (holds) {
      const bool sleeps = thread.registers && !thread.registers->system_call.empty();
      return sleeps ? "in " + thread.registers->system_call : "running";
    }
    if (wait.what != ThreadWait::For::kNothing) return "waiting";
    return thread.registers ? state_of(*thread.registers) : "unknown";
  }

  // Of a thread that has no GIL, as the kernel tells it.
  static std::string state_of(const ThreadRegisters& registers) {
    if (!registers.system_call.empty()) return "in " + registers.system_call;
    switch (registers.state) {
      case 'R':
        return "running without the GIL";
      case 'D':
        return "in a wait that nothing interrupts";
      case 'Z':
      case 'X':
        return "ended";
      default:
        return "unknown";
    }
  }

  Cell waits_for(std::size_t t) const {
    const ThreadWait& wait = waits_.waits[t];
    if (wait.what == ThreadWait::For::kNothing) return {};
    List holders;
    for (const std::size_t h : wait.holders) holders.push_back(id_of(threads_[h]));
    static constexpr const char* kNames[] = {"", "gil", "lock", "notice", "thread"};
    return Record{{{"kind"}, kNames[static_cast<int>(wait.what)]},
                  {{"text"}, wait.text},
                  {{"id"}, is_null(wait.object) ? Cell() : Cell(wait.object)},
                  {{"sure"}, wait.sure},
                  {{"held_by"}, std::move(holders)},
                  {{"holder_sure"}, wait.holder_sure}};
  }

  std::string state_in_words(std::size_t t) const {
    const ThreadWait& wait = waits_.waits[t];
    const ThreadView& thread = threads_[t];
    std::string text = state_of(t);
    if (thread.interpreter->gil_holder == thread.python->tstate)
      return text.starts_with("in ") ? "has the GIL, " + text : text + ", has the GIL";
    if (wait.what == ThreadWait::For::kNothing) return text;
    text += " for " + wait.text + (wait.sure ? "" : " (unsure: it has that on its stack)");
    if (wait.what == ThreadWait::For::kThread || wait.holders.empty()) return text;
    if (wait.holders[0] == t && wait.holders.size() == 1) return text + ", which it has itself";
    text += wait.holder_sure ? ", which thread " : ", which may be with thread ";
    for (std::size_t i = 0; i < wait.holders.size(); ++i)
      text += (i ? " or " : "") + who(threads_[wait.holders[i]]);
    return text + (wait.holder_sure ? " has" : " (unsure: it refers to it)");
  }

  Record locals_of(const PyFrame& frame) {
    Record out;
    for (const PyLocal& local : contents_.locals(frame)) {
      PythonRepr repr = python_repr(s_.types(), local.value, options_.repr);
      out.push_back({{local.name}, std::move(repr.text)});
    }
    return out;
  }

  // One table for programs and one for people, of the same frames.
  struct Told {
    Table programs{.columns = {{"file"}, {"line", "", Kind::kPlainNumber}, {"function"}}};
    Table people;
  };
  Told tell(const std::vector<PyFrame>& frames, const char* title) {
    Told out;
    out.people.columns = {{"line", title}};
    if (options_.locals) out.programs.columns.push_back({"locals"});
    std::size_t shown = 0;
    for (const PyFrame& frame : frames) {
      if (frame.incomplete) continue;
      if (options_.most_frames && shown == options_.most_frames) {
        out.people.rows.push_back({std::to_string(frames.size() - shown) + " more: --depth 0 shows all"});
        break;
      }
      ++shown;
      out.people.rows.push_back({place_of(frame)});
      Row row{frame.file, frame.line ? Cell(frame.line) : Cell(), frame.function};
      if (options_.locals) {
        Record locals = locals_of(frame);
        for (const Field& local : locals)
          out.people.rows.push_back({"    " + local.column.key + " = " + std::get<std::string>(local.value)});
        row.push_back(std::move(locals));
      }
      out.programs.rows.push_back(std::move(row));
    }
    return out;
  }

  // Names of threads are ids that somebody looks for; of tasks there may be a hundred thousand.
  static constexpr std::size_t kMostThreadsNamed = 100, kMostNamed = 10;

  // Of things that stand at the same places: the first, and all of them in their order.
  struct Alike {
    std::vector<std::size_t> each;
    // "37 threads alike: 4711 (worker_0), 4712 (worker_1)"; empty for one.
    Cell told_as(const char* things, std::size_t most_named,
                 const std::function<std::string(std::size_t)>& name) const {
      if (each.size() < 2) return {};
      std::string text = std::to_string(each.size()) + " " + things + " alike: ";
      for (std::size_t i = 0; i < std::min(each.size(), most_named); ++i)
        text += (i ? ", " : "") + name(each[i]);
      if (each.size() > most_named) text += " and " + std::to_string(each.size() - most_named) + " more";
      return text;
    }
  };
  // `key_of`: where the i-th of `count` stands.
  std::vector<Alike> alike_ones(std::size_t count,
                                const std::function<std::string(std::size_t)>& key_of) const {
    std::vector<Alike> rows;
    std::map<std::string, std::size_t> known;
    const bool fold = options_.fold && !options_.locals;
    for (std::size_t i = 0; i < count; ++i) {
      const auto [at, is_new] =
          fold ? known.try_emplace(key_of(i), rows.size()) : std::pair(known.end(), true);
      if (is_new)
        rows.push_back({{i}});
      else
        rows[at->second].each.push_back(i);
    }
    return rows;
  }
  std::string places_of(const std::vector<PyFrame>& frames) const {
    std::string places;
    for (const PyFrame& frame : frames) places += "\n" + place_of(frame);
    return places;
  }

  std::vector<Alike> thread_rows() {
    return alike_ones(threads_.size(), [&](std::size_t t) {
      return std::to_string(threads_[t].interpreter->id) + "\n" + state_in_words(t) +
             places_of(threads_[t].python->frames) + native_.key(threads_[t].registers);
    });
  }

  // The kernel's threads that no interpreter knows: those of libraries.
  Table other_threads() {
    std::set<const ThreadRegisters*> known;
    for (const ThreadView& thread : threads_) known.insert(thread.registers);
    Table table{
        .key = "other_threads",
        .title = "threads without Python",
        .columns = {
            {"threads", "threads", Kind::kCount}, {"name", "name"}, {"state", "state"}, {"tids", "ids"}}};
    native_.add_columns(table);
    if (native_.wanted()) table.layout = Table::Layout::kBlocks;
    struct Group {
      std::vector<std::int32_t> tids;
      const ThreadRegisters* first = nullptr;
    };
    std::map<std::tuple<std::string, std::string, std::string>, Group> alike;
    for (const ThreadRegisters& each : s_.capture().threads)
      if (!known.count(&each)) {
        std::string state = state_of(each);
        if (state == "running without the GIL") state = "running";
        Group& group = alike[{each.name, state, native_.key(&each)}];
        group.tids.push_back(each.own_tid ? each.own_tid : each.tid);
        if (!group.first) group.first = &each;
      }
    for (const auto& [what, group] : alike) {
      const auto& tids = group.tids;
      std::string ids;
      for (std::size_t i = 0; i < std::min(tids.size(), kMostThreadsNamed); ++i)
        ids += (i ? ", " : "") + std::to_string(tids[i]);
      if (tids.size() > kMostThreadsNamed)
        ids += " and " + std::to_string(tids.size() - kMostThreadsNamed) + " more";
      const auto& [name, state, places] = what;
      table.rows.push_back(
          {std::uint64_t{tids.size()}, name.empty() ? Cell() : Cell(name), state, std::move(ids)});
      native_.add_cells(table.rows.back(), group.first);
    }
    return table;
  }

  Table thread_table() {
    const bool several = s_.interpreters().size() > 1;
    Table table{.key = "threads",
                .title = "threads",
                .columns = {{"tid", "thread", Kind::kPlainNumber},
                            {"name", "name"},
                            {"alike", "alike", Kind::kSentence, Audience::kPeople},
                            {"of_interpreter", "of", Kind::kText, Audience::kPeople},
                            {"gil", "", Kind::kText, Audience::kPrograms},
                            {"state", "", Kind::kText, Audience::kPrograms},
                            {"doing", "state", Kind::kSentence, Audience::kPeople},
                            {"waits_for", "", Kind::kText, Audience::kPrograms},
                            {"interpreter", "", Kind::kPlainNumber, Audience::kPrograms},
                            {"thread_id", "", Kind::kPlainNumber, Audience::kPrograms},
                            {"frames", "", Kind::kText, Audience::kPrograms},
                            {"stack", "stack", Kind::kText, Audience::kPeople}},
                .layout = Table::Layout::kBlocks};
    native_.add_columns(table);
    for (const Alike& row : thread_rows()) {
      const std::size_t t = row.each[0];
      const ThreadView& thread = threads_[t];
      const std::string label = several ? interpreter_label(thread.interpreter->id) : std::string();
      Told told = tell(thread.python->frames, "most recent call first");
      table.rows.push_back(
          {id_of(thread), thread.name.empty() ? Cell() : Cell(thread.name),
           row.told_as("threads", kMostThreadsNamed, [&](std::size_t i) { return who(threads_[i]); }),
           label.empty() ? Cell() : Cell(label), thread.interpreter->gil_holder == thread.python->tstate,
           state_of(t), state_in_words(t), waits_for(t), thread.interpreter->id, thread.python->thread_id,
           Tables{std::move(told.programs)}, Tables{std::move(told.people)}});
      native_.add_cells(table.rows.back(), thread.registers, thread.python->frames);
    }
    return table;
  }

  Table task_table() {
    const std::vector<AsyncTask> tasks =
        find_tasks(s_.types(), values_, s_.interpreters(), threads_, scratch_);
    Table table{.key = "tasks",
                .title = "asyncio tasks",
                .columns = {{"id", "task", Kind::kAddress},
                            {"name", "name"},
                            {"alike", "alike", Kind::kSentence, Audience::kPeople},
                            {"tid", "thread", Kind::kPlainNumber},
                            {"state", "state"},
                            {"waits_for", "waits for"},
                            {"waits_for_id", "", Kind::kAddress, Audience::kPrograms},
                            {"frames", "", Kind::kText, Audience::kPrograms},
                            {"stack", "stack", Kind::kText, Audience::kPeople}},
                .layout = Table::Layout::kBlocks};
    const auto rows = alike_ones(tasks.size(), [&](std::size_t i) {
      return std::to_string(tasks[i].thread.value_or(~std::size_t{0})) + (tasks[i].running ? "r" : "p") +
             tasks[i].waits_for.substr(0, tasks[i].waits_for.find('\'')) + places_of(tasks[i].chain);
    });
    for (const Alike& row : rows) {
      const AsyncTask& task = tasks[row.each[0]];
      // As in a thread's stack, what was called last comes first.
      Told told = tell({task.chain.rbegin(), task.chain.rend()}, "innermost await first");
      const auto name = [&](std::size_t i) {
        return tasks[i].name.empty() ? to_hex(tasks[i].object) : tasks[i].name;
      };
      table.rows.push_back(
          {task.object, task.name.empty() ? Cell() : Cell(task.name), row.told_as("tasks", kMostNamed, name),
           task.thread ? id_of(threads_[*task.thread]) : Cell(), task.running ? "running" : "pending",
           task.waits_for.empty() ? Cell() : Cell(task.waits_for),
           is_null(task.awaited) ? Cell() : Cell(task.awaited), Tables{std::move(told.programs)},
           Tables{std::move(told.people)}});
    }
    return table;
  }

  Table greenlet_table() {
    Table table{.key = "greenlets",
                .title = "greenlets that do not run now",
                .columns = {{"id", "greenlet", Kind::kAddress},
                            {"type", "type"},
                            {"alike", "alike", Kind::kSentence, Audience::kPeople},
                            {"frames", "", Kind::kText, Audience::kPrograms},
                            {"stack", "stack", Kind::kText, Audience::kPeople}},
                .layout = Table::Layout::kBlocks};
    const std::vector<SuspendedGreenlet> greenlets =
        find_greenlets(s_.types(), s_.interpreters(), Limits{}, scratch_);
    const auto rows = alike_ones(
        greenlets.size(), [&](std::size_t i) { return greenlets[i].type + places_of(greenlets[i].frames); });
    for (const Alike& row : rows) {
      const SuspendedGreenlet& each = greenlets[row.each[0]];
      Told told = tell(each.frames, "most recent call first");
      const auto name = [&](std::size_t i) { return to_hex(greenlets[i].object); };
      table.rows.push_back({each.object, each.type, row.told_as("greenlets", kMostNamed, name),
                            Tables{std::move(told.programs)}, Tables{std::move(told.people)}});
    }
    return table;
  }

  const Heap& s_;
  const StackOptions options_;
  const FrameContents contents_;
  const ObjectView values_;
  const std::vector<ThreadView> threads_;
  const ThreadWaits waits_;
  NativeStackCells native_;
  ReadErrors scratch_;
};

}  // namespace

Document stacks_document(const Heap& heap, const StackOptions& options) {
  return Stacks(heap, options).document();
}

}  // namespace heapglass
