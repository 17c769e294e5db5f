#include "cmd/command.h"

namespace heapglass {
namespace {

constexpr Command kCommands[] = {
    {"info", "what runs there: version, layout, threads, collector, sizes", run_info},
    {"memory", "what the memory is: rows that add up to the RSS", run_memory},
    {"histogram", "objects and bytes by type", run_histogram},
    {"objects", "the objects of a type, one a line", run_objects},
    {"backrefs", "who holds some objects, as a graph", run_backrefs},
    {"refs", "whom some objects hold, as a graph", run_refs},
    {"diff", "what became more between two moments: types, owners, objects", run_diff},
    {"watch", "a process over time, and the lines that its memory grows under", run_watch},
    {"show", "one object in full", run_show},
    {"path", "how the world outside of the heap reaches an object", run_path},
    {"retained", "which objects keep the most alive", run_retained},
    {"leaks", "what most likely leaks, who holds it, and what usually helps", run_leaks},
    {"garbage", "what a full collection would free now", run_garbage},
    {"tracemalloc", "what the target's own tracemalloc knows, when it traces", run_tracemalloc},
    {"stacks", "where threads and tasks stand, and who waits for whom", run_stacks},
    {"query", "SQL over the heap", run_query_command},
    {"snapshot", "saves one moment, for every command to look at later", run_snapshot},
    {"export", "every object and reference as jsonl, sqlite, csv or parquet", run_export},
    {"selfcheck", "compares layouts with the target's own code", run_selfcheck},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

}  // namespace heapglass
