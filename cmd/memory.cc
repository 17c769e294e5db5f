// heapglass memory: what the resident memory is, in rows that add up to it.
#include <iostream>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/memory/memory_account.h"
#include "lib/memory/private_bytes.h"
#include "lib/open/open_heap.h"
#include "lib/render/utf8.h"
#include "lib/report/memory_report.h"
#include "lib/report/write_answer.h"
#include "platform/process/private_pages.h"
#include "platform/process/process.h"

namespace heapglass {
namespace {

// Nothing where the master is gone: the process has its answer without.
std::optional<PrivatePages> pages_beside_master(const Target& target, const Capture& capture, pid_t master) {
  try {
    return private_pages(Process::open(target.pid()), capture.mappings, *capture.image,
                         Process::open(master));
  } catch (const Error& error) {
    std::cerr << "heapglass: not compared with its master " << master << ": " << printable(error.what())
              << "\n";
    return std::nullopt;
  }
}

}  // namespace

int run_memory(const std::vector<std::string>& arguments) {
  CommandLine line("memory", "what the memory is: rows that add up to the RSS");
  line.takes_processes();
  std::size_t most = 8;
  bool arenas = false, owners = false;
  std::string without;
  line.count("limit,n", &most, 0, kMostRows,
             "print N rows of each kind, and the sum of the others (default 8), 0: all");
  line.flag("arenas", &arenas, "also print a table of malloc's arenas");
  line.flag("owners", &owners, "also find whose the objects are that keep free memory from being given back");
  line.option("without", &without, "OWNER",
              "what the process would give back without app.cache, or whatever leaks or diff call an owner");
  if (!line.parse(arguments)) return kExitDone;
  const OneOfSeveral* const one = line.one_of_several();
  const bool compares = one && one->selected.master != 0;
  std::optional<PrivatePages> pages;
  HeapNeeds needs{.references = owners || !without.empty() || compares, .residency = true, .sharing = true};
  if (compares)
    needs.on_capture = [&](const Target& target, const Capture& capture) {
      pages = pages_beside_master(target, capture, one->selected.master);
    };
  const auto heap = open_heap(line.common(), needs);
  if (pages)
    one->on_private_bytes(private_bytes(*heap, *pages, compute_memory_parts(*heap)),
                          heap->python().rules.immortal_objects);
  const bool for_programs = !line.common().format.empty();
  write_answer(*heap,
               memory_document(*heap, {.most = most,
                                       .arenas = arenas || for_programs,
                                       .always_pins = owners || for_programs,
                                       .owners = owners,
                                       .without = without}),
               line.common());
  return kExitDone;
}

}  // namespace heapglass
