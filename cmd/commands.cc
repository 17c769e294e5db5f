
#include "cmd/command.h"

namespace heapglass {
namespace {

constexpr Command kCommands[] = {
    {"ps", "the Python processes of this machine, embedded ones too", run_ps},
    {"info", "version, layout, threads, garbage collector and sizes", run_info},
    {"memory", "what the memory is used for: rows that add up to the RSS", run_memory},
    {"histogram", "objects and bytes by type", run_histogram},
    {"objects", "the objects of a type, one per line", run_objects},
    {"backrefs", "the referrers of objects, as a graph", run_backrefs},
    {"refs", "the referents of objects, as a graph", run_refs},
    {"diff", "what grew between two captures: types, owners, objects", run_diff},
    {"watch", "a process over time, and the lines under which its memory grows", run_watch},
    {"show", "one object in full", run_show},
    {"path", "root paths: what keeps an object alive", run_path},
    {"retained", "the objects with the largest retained size", run_retained},
    {"leaks", "leak suspects: what keeps them alive, and the usual cure", run_leaks},
    {"garbage", "what a full garbage collection would free now", run_garbage},
    {"tracemalloc", "what the target's own tracemalloc has recorded", run_tracemalloc},
    {"stacks", "stacks of threads and tasks, locks, and who waits for whom", run_stacks},
    {"query", "SQL over the heap", run_query_command},
    {"snapshot", "saves a capture in a file, which every command reads later", run_snapshot},
    {"export", "every object and reference as jsonl, sqlite, csv or parquet", run_export},
    {"selfcheck", "compares layouts with the target's own code", run_selfcheck},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

}  // namespace heapglass
