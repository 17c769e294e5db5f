
#include "cmd/command.h"

namespace heapglass {
namespace {

constexpr Stages kHeap = kStagesOfCapture | stages({Stage::kLoad});
constexpr Stages kGraph = kHeap | stages({Stage::kReferrers});
constexpr Stages kRetained = kHeap | stages({Stage::kRoots, Stage::kDominators});
constexpr Stages kOwners = kGraph | stages({Stage::kRoots, Stage::kPaths, Stage::kOwners});
constexpr Stages kLeaks = kOwners | kRetained | stages({Stage::kGarbage, Stage::kSuspects, Stage::kMemory});

constexpr Command kCommands[] = {
    {"overview", "who it is, its memory, what may leak: what `heapglass TARGET` runs", run_overview,
     AnswerKind::kTables, kLeaks},
    {"ps", "the Python processes of this machine, embedded ones too", run_ps},
    {"info", "version, layout, threads, garbage collector and sizes", run_info, AnswerKind::kTables, kHeap},
    {"memory", "what the memory is used for: rows that add up to the RSS", run_memory, AnswerKind::kTables,
     kHeap | stages({Stage::kMemory})},
    {"histogram", "objects and bytes by type", run_histogram, AnswerKind::kTables, kHeap},
    {"objects", "the objects of a type, one per line", run_objects, AnswerKind::kTables, kHeap},
    {"backrefs", "the referrers of objects, as a graph", run_backrefs, AnswerKind::kGraph,
     kGraph | stages({Stage::kPicture})},
    {"refs", "the referents of objects, as a graph", run_refs, AnswerKind::kGraph,
     kGraph | stages({Stage::kPicture})},
    {"diff", "what grew between two captures: types, owners, objects", run_diff, AnswerKind::kTables,
     kOwners | stages({Stage::kSummary})},
    {"since", "from which of many snapshots on an owner or type is there, and grows", run_since,
     AnswerKind::kTables, kOwners},
    {"watch", "a process over time, and the lines under which its memory grows", run_watch},
    {"top", "the live screen: the Python processes, or one by size and growth", run_top, AnswerKind::kFile},
    {"show", "one object in full", run_show, AnswerKind::kTables, kRetained | kGraph},
    {"path", "root paths: what keeps an object alive", run_path, AnswerKind::kGraph, kOwners},
    {"retained", "the objects with the largest retained size", run_retained, AnswerKind::kProfile, kRetained},
    {"leaks", "leak suspects: what keeps them alive, and the usual cure", run_leaks, AnswerKind::kGraph,
     kLeaks},
    {"guard", "waits for memory that runs short, and takes snapshots before the kernel kills", run_guard},
    {"garbage", "what a full garbage collection would free now", run_garbage, AnswerKind::kGraph,
     kHeap | stages({Stage::kGarbage})},
    {"tracemalloc", "what the target's own tracemalloc has recorded", run_tracemalloc, AnswerKind::kTables,
     kHeap},
    {"stacks", "stacks of threads and tasks, locks, and who waits for whom", run_stacks, AnswerKind::kTables,
     kHeap},
    {"report", "one page for a browser: memory, leaks, holders, types, threads", run_report,
     AnswerKind::kFile, kLeaks | stages({Stage::kWriting})},
    {"ui", "that page over a local address, to walk through the whole heap", run_ui, AnswerKind::kFile,
     kLeaks | stages({Stage::kWriting})},
    {"query", "SQL over the heap", run_query_command, AnswerKind::kTables, kHeap},
    {"snapshot", "saves a capture in a file, which every command reads later", run_snapshot,
     AnswerKind::kFile, kHeap | stages({Stage::kRecording, Stage::kSaving})},
    {"export", "every object and reference, for other programs: DevTools, Gephi, SQL, Pyroscope", run_export,
     AnswerKind::kFile, kHeap | stages({Stage::kWriting})},
    {"selfcheck", "compares layouts with the target's own code", run_selfcheck, AnswerKind::kTables, kHeap},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

}  // namespace heapglass
