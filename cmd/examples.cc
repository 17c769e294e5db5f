// What `heapglass help COMMAND` ends with. A test runs every line, with a process for 4711 and one of its
// objects for 0x7f2aca4ecd00.
#include "cmd/command.h"

namespace heapglass {
namespace {

struct Examples {
  std::string_view command, lines;
};

constexpr Examples kExamples[] = {
    {"overview", "  heapglass 4711\n  heapglass @app.py\n"},
    {"ps", "  heapglass ps\n  heapglass ps --format json\n"},
    {"info", "  heapglass info 4711\n  heapglass info 4711 --no-heap\n"},
    {"memory", "  heapglass memory 4711\n  heapglass memory 4711 --owners\n  heapglass memory monday.hg\n"},
    {"histogram",
     "  heapglass histogram 4711 --limit 20\n"
     "  heapglass histogram 4711 --sort count --format csv -o types.csv\n"},
    {"objects",
     "  heapglass objects 4711 --type dict --limit 10\n"
     "  heapglass objects 4711 --type list --where 'length > 100'\n"},
    {"backrefs",
     "  heapglass backrefs 4711 --type dict -o who.svg\n"
     "  heapglass backrefs 4711 --type dict --limit 1 --max-depth 2 --format dot\n"},
    {"refs", "  heapglass refs 4711 --type dict --limit 1 -o what.svg\n"},
    {"diff",
     "  heapglass diff monday.hg 4711\n  heapglass diff monday.hg friday.hg --limit 5 --format json\n"},
    {"since", "  heapglass since monday.hg friday.hg --type dict\n"},
    {"watch", "  heapglass watch 4711 --interval 1s --duration 3s\n"},
    {"top", "  heapglass top\n  heapglass top 4711\n"},
    {"show", "  heapglass show 4711 --id 0x7f2aca4ecd00\n"},
    {"path", "  heapglass path 4711 --type dict\n  heapglass path 4711 --where 'length > 1000' --all 5\n"},
    {"retained", "  heapglass retained 4711 --limit 10\n"},
    {"leaks",
     "  heapglass leaks 4711\n  heapglass leaks 4711 --every 1s --times 2\n  heapglass leaks monday.hg "
     "4711\n"},
    {"guard", "  heapglass guard guard.rules --check\n"},
    {"garbage", "  heapglass garbage 4711\n"},
    {"tracemalloc", "  heapglass tracemalloc 4711 --group filename --limit 10\n"},
    {"stacks", "  heapglass stacks 4711 --locals\n  heapglass stacks 4711 --native\n"},
    {"report",
     "  heapglass report 4711 -o report.html\n  heapglass report monday.hg friday.hg -o week.html\n"},
    {"ui", "  heapglass ui 4711\n"},
    {"query",
     "  heapglass query 4711 'SELECT type, count(*) n FROM objects GROUP BY type ORDER BY n DESC LIMIT 5'\n"
     "  heapglass query 4711 --tables\n"},
    {"snapshot",
     "  heapglass snapshot 4711 -o svc.hg\n"
     "  heapglass snapshot 4711 -o 'svc-%Y%m%dT%H%M%S.hg' --keep 24 --no-values\n"},
    {"export",
     "  heapglass export 4711 -o heap.jsonl\n  heapglass export monday.hg --format sqlite -o heap.db\n"},
    {"selfcheck", "  heapglass selfcheck 4711\n"},
};

}  // namespace

std::string_view examples_of(std::string_view command) {
  for (const Examples& each : kExamples)
    if (each.command == command) return each.lines;
  return {};
}

}  // namespace heapglass
