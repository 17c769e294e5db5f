// heapglass leaks: what most likely leaks, who holds it, and what usually helps.
#include <algorithm>
#include <chrono>
#include <future>
#include <thread>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/base/progress.h"
#include "lib/leaks/growing_owners.h"
#include "lib/open/open_heap.h"
#include "lib/open/output_rights.h"
#include "lib/render/output_options.h"
#include "lib/report/diff_report.h"
#include "lib/report/leaks_report.h"
#include "lib/report/memory_line.h"
#include "lib/report/write_answer.h"
#include "lib/snapshot/saved_bill.h"

namespace heapglass {
namespace {

// How the next command is to be given the target.
std::string next_target(const Heap& heap, const CommonOptions& common) {
  return heap.target().runs() ? std::to_string(heap.target().pid()) : common.target;
}

// On another core, meanwhile.
std::future<TakenBill> begin_bill(const Heap& heap) {
  return std::async(std::launch::async, [&heap] { return take_bill(heap); });
}

}  // namespace

int run_leaks(const std::vector<std::string>& arguments) {
  CommandLine line("leaks", "leak suspects: what keeps them alive, and the usual cure");
  std::optional<std::size_t> limit;
  std::size_t most_nodes = 200;
  std::optional<std::chrono::milliseconds> every;
  std::optional<long long> times;
  std::vector<std::string> more;
  line.takes_more_targets(&more);
  line.takes_processes();
  line.option("every", &every,
              "capture again after this time, 500ms, 10s or 2m, and rank suspects by growth");
  line.count("times", &times, 2, 1'000'000, "number of captures (with --every: default 2)");
  line.count("limit,n", &limit, 0, kMostRows, "print N suspects (default 10, in a picture 3), 0: all");
  ThresholdOptions fail_if;
  line.thresholds(
      &fail_if,
      "where THRESHOLD is exceeded, between the first capture and the last where there are several");
  line.count("max-nodes", &most_nodes, 1, 1'000'000, "draw at most N objects (default 200)");
  if (!line.parse(arguments)) return kExitDone;
  const bool picture = wants_picture(line.common());
  const std::size_t most = limit.value_or(picture ? 3 : 10);
  if (!more.empty() && (every || times))
    throw Error(ErrorKind::kUsage, "--every and --times are for a single target that runs");
  const auto interval = every.value_or(std::chrono::seconds(10));
  const bool again = every || times;
  const auto looks = again ? times.value_or(2) : 1;

  const Thresholds thresholds(fail_if);
  if (!again && more.empty()) thresholds.require_one_capture();

  std::vector<std::string> targets(static_cast<std::size_t>(looks), line.common().target);
  targets.insert(targets.end(), more.begin(), more.end());
  if (!more.empty()) check_targets(line.common(), targets);
  keep_right_to_write(line.common());  // while there is little memory to be forked
  std::vector<std::vector<Suspect>> before;
  std::vector<OwnerSums> owners_before;
  std::optional<HeapSummary> first;
  TakenBill first_bill;
  std::optional<ProgramName> first_program;
  const auto began = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i + 1 < targets.size(); ++i) {
    CommonOptions common = line.common();
    common.target = targets[i];
    common.more_captures = true;
    if (again) std::this_thread::sleep_until(began + static_cast<long long>(i) * interval);
    const auto heap = open_heap(common, {.residency = true, .open_files = true});
    auto bill = begin_bill(*heap);
    const LeakContext look(*heap);
    if (again && !look.heap().target().runs())
      throw Error(ErrorKind::kUsage,
                  "there is one moment in " + look.heap().target().name() + ": it will not grow",
                  "give a later one too: heapglass leaks OLD NEW");
    before.push_back(find_suspects(look.search(), {.to_compare = true}));
    owners_before.push_back(sums_of(heap->owners()));
    if (i == 0) {
      first_bill = bill.get();
      first_program = {heap->target().name(), heap->target().command_line()};
    }
    if (thresholds && i == 0) first = summarize(look.heap(), {.identities = false});
  }
  CommonOptions common = line.common();
  common.target = targets.back();
  if (again) std::this_thread::sleep_until(began + (looks - 1) * interval);
  const auto heap = open_heap(common, {.residency = true, .open_files = true});
  auto taking = begin_bill(*heap);
  const LeakContext look(*heap);
  const Heap& s = *heap;
  std::vector<Suspect> suspects = find_suspects(look.search(), {.to_compare = !before.empty()});
  annotate_growth(suspects, before);
  if (!before.empty()) add_growing_owners(look.search(), heap->owners(), owners_before, suspects);
  const TakenBill bill = [&] {
    const InStage adding(Stage::kMemory);
    return taking.get();
  }();
  const MemoryLine memory(bill.bill, first_bill.bill, bill.why_none, next_target(s, common));

  std::vector<std::string> reasons;
  if (thresholds) {
    const HeapSummary last = summarize(s, {.identities = false});
    reasons = thresholds.exceeded(first ? *first : last, last);
  }
  const int code = reasons.empty() ? kExitDone : kExitExceeded;
  Document document;
  const std::size_t shown = most ? std::min(most, suspects.size()) : suspects.size();
  if (picture) {
    if (suspects.empty())
      throw Error(ErrorKind::kUsage,
                  "there is nothing to draw: nothing in " + s.target().name() + " looks like a leak");
    document.sections.push_back(suspects_picture(look, suspects, shown, most_nodes));
    write_answer(s, std::move(document), line.common());
    return code;
  }
  if (first_program)
    add_other_program(*first_program, {s.target().name(), s.target().command_line()}, document);
  memory.add_to(document);
  if (thresholds) {
    List told;
    for (const std::string& reason : reasons) told.push_back(reason);
    document.fields.push_back({{"exceeded", "", Kind::kText, Audience::kPrograms}, std::move(told)});
  }
  add_suspects(look, suspects, shown, memory.elsewhere(), document);
  write_answer(s, std::move(document), line.common());
  return code;
}

}  // namespace heapglass
