
#include "cmd/command.h"

namespace heapglass {
namespace {

constexpr Command kCommands[] = {
    {"overview", "who it is, its memory, what may leak: what `heapglass TARGET` runs", run_overview},
    {"ps", "the Python processes of this machine, embedded ones too", run_ps},
    {"info", "version, layout, threads, garbage collector and sizes", run_info},
    {"memory", "what the memory is used for: rows that add up to the RSS", run_memory},
    {"histogram", "objects and bytes by type", run_histogram},
    {"objects", "the objects of a type, one per line", run_objects},
    {"backrefs", "the referrers of objects, as a graph", run_backrefs, AnswerKind::kGraph},
    {"refs", "the referents of objects, as a graph", run_refs, AnswerKind::kGraph},
    {"diff", "what grew between two captures: types, owners, objects", run_diff},
    {"since", "from which of many snapshots on an owner or type is there, and grows", run_since},
    {"watch", "a process over time, and the lines under which its memory grows", run_watch},
    {"top", "the live screen: the Python processes, or one by size and growth", run_top, AnswerKind::kFile},
    {"show", "one object in full", run_show},
    {"path", "root paths: what keeps an object alive", run_path, AnswerKind::kGraph},
    {"retained", "the objects with the largest retained size", run_retained, AnswerKind::kProfile},
    {"leaks", "leak suspects: what keeps them alive, and the usual cure", run_leaks, AnswerKind::kGraph},
    {"guard", "waits for memory that runs short, and takes snapshots before the kernel kills", run_guard},
    {"garbage", "what a full garbage collection would free now", run_garbage, AnswerKind::kGraph},
    {"tracemalloc", "what the target's own tracemalloc has recorded", run_tracemalloc},
    {"stacks", "stacks of threads and tasks, locks, and who waits for whom", run_stacks},
    {"report", "one page for a browser: memory, leaks, holders, types, threads", run_report,
     AnswerKind::kFile},
    {"ui", "that page over a local address, to walk through the whole heap", run_ui, AnswerKind::kFile},
    {"query", "SQL over the heap", run_query_command},
    {"snapshot", "saves a capture in a file, which every command reads later", run_snapshot,
     AnswerKind::kFile},
    {"export", "every object and reference, for other programs: DevTools, Gephi, SQL, Pyroscope", run_export,
     AnswerKind::kFile},
    {"selfcheck", "compares layouts with the target's own code", run_selfcheck},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

}  // namespace heapglass
