// heapglass diff: what became more between two moments, by type, by owner and object by object.
#include <algorithm>
#include <future>
#include <map>
#include <thread>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/compare/heap_summary.h"
#include "lib/open/open_heap.h"
#include "lib/open/output_rights.h"
#include "lib/render/output.h"
#include "lib/report/diff_report.h"
#include "lib/report/growth_style.h"
#include "lib/report/metrics.h"
#include "lib/report/thresholds.h"
#include "lib/report/write_answer.h"
#include "lib/snapshot/saved_bill.h"

namespace heapglass {
namespace {

struct DiffOptions {
  std::vector<std::string> targets;  // the first one included
  std::chrono::milliseconds interval{};
  long long looks = 2;  // at a single target
  bool growth = false, long_names = false, survivors = false;
  DiffReportOptions report;
  MetricsOptions metrics;
};

// The looks at one target that runs, at their times; or one at each of several targets.
class Looks {
 public:
  Looks(const CommonOptions& common, const DiffOptions& options) : common_(common), options_(options) {}

  std::size_t count() const {
    return options_.targets.size() > 1 ? options_.targets.size() : static_cast<std::size_t>(options_.looks);
  }
  // The time between two looks, not between the end of one and the start of the next.
  CommonOptions at(std::size_t i) const {
    CommonOptions common = common_;
    common.more_captures = i + 1 < count();
    if (options_.targets.size() > 1)
      common.target = options_.targets[i];
    else
      std::this_thread::sleep_until(began_ + static_cast<long long>(i) * options_.interval);
    return common;
  }

 private:
  const CommonOptions& common_;
  const DiffOptions& options_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

int print_growth_style(const CommonOptions& common, const DiffOptions& options) {
  Output output(common.output, common.mode);
  GrowthStyle growth(options.long_names, options.report.limit);
  const Looks looks(common, options);
  for (std::size_t i = 0; i < looks.count(); ++i) {
    const CommonOptions at = looks.at(i);
    if (i > 0 && output.is_terminal()) output.stream() << '\n';
    growth.take(*open_heap(at, {.graph = false}), output.stream());
  }
  output.commit();
  return kExitDone;
}

// Those in between are looked at for what the first and the last do not tell: how often a type grew.
std::vector<HeapSummary> take_summaries(const CommonOptions& common, const DiffOptions& options) {
  const Looks looks(common, options);
  std::vector<HeapSummary> summaries(looks.count());
  // What a moment means is found out while the next one is waited for and taken.
  std::future<HeapSummary> before;
  for (std::size_t i = 0; i < summaries.size(); ++i) {
    const bool ends = i == 0 || i + 1 == summaries.size();
    const HeapSummaryOptions wanted{.owners = ends, .identities = ends || options.survivors};
    std::shared_ptr<Heap> heap =
        open_heap(looks.at(i), {.references = wanted.needs_references(), .residency = ends});
    if (options.targets.size() == 1 && i == 0 && !heap->target().runs())
      throw Error(ErrorKind::kUsage,
                  "there is one moment in " + heap->target().name() + ": nothing to compare it with",
                  "give a later one too: heapglass diff OLD NEW");
    if (before.valid()) summaries[i - 1] = before.get();
    before = std::async(std::launch::async, [heap, wanted, ends] {
      HeapSummary summary = summarize(*heap, wanted);
      if (!ends) return summary;
      TakenBill taken = take_bill(*heap);
      summary.bill = std::move(taken.bill);
      summary.why_no_bill = std::move(taken.why_none);
      return summary;
    });
  }
  summaries.back() = before.get();
  return summaries;
}

}  // namespace

int run_diff(const std::vector<std::string>& arguments) {
  CommandLine line("diff", "what became more between two moments, or while one watches");
  DiffOptions o;
  std::vector<std::string> more;
  ThresholdOptions fail_if;
  std::optional<std::chrono::milliseconds> every;
  std::optional<long long> times;
  std::optional<std::size_t> limit;
  line.takes_more_targets(&more);
  line.takes_processes();
  line.option("every", &every, "with one target: time between two captures: 500ms, 10s (default), 2m");
  line.count("times", &times, 2, 1'000'000,
             "with one target: number of captures (default 2), of which the first and the last are compared");
  line.flag(
      "survivors", &o.survivors,
      "with three targets or more: objects that were made after the first, are in the second and still there "
      "in the last");
  line.count("limit,n", &limit, 0, kMostRows,
             "print N types and owners (default 20, in growth style 10), 0: all");
  line.choice<bool>("sort", &o.report.by_count, {{"bytes", false}, {"count", true}}, "KEY",
                    "sort by growth in bytes (default) or count");
  line.thresholds(&fail_if,
                  "where THRESHOLD is exceeded, such as 'bytes(app.Session) > 10MB or growth(rss) > 5%'");
  line.metrics(&o.metrics);
  line.choice<bool>(
      "style", &o.growth, {{"default", false}, {"growth", true}}, "NAME",
      "default, or growth: what objgraph.show_growth prints each time, of tracked objects only");
  line.flag("longnames", &o.long_names, "in growth style: print types with their module");
  if (!line.parse(arguments)) return kExitDone;
  const CommonOptions& common = line.common();
  o.targets = {common.target};
  o.targets.insert(o.targets.end(), more.begin(), more.end());
  if (o.targets.size() > 1 && (every || times))
    throw Error(ErrorKind::kUsage, "--every and --times are for a single target that runs");
  o.interval = every.value_or(std::chrono::seconds(10));
  o.looks = times.value_or(2);
  if (o.long_names && !o.growth) throw Error(ErrorKind::kUsage, "--longnames requires --style growth");
  if (o.growth && (o.report.by_count || !(common.format.empty() || common.format == "text") || o.survivors ||
                   !fail_if.text.empty() || !o.metrics.file.empty()))
    throw Error(ErrorKind::kUsage,
                "--style growth is a text by count: it takes no --sort, --format, --survivors, --fail-if or "
                "--openmetrics");
  if (o.survivors && (o.targets.size() > 1 ? o.targets.size() : static_cast<std::size_t>(o.looks)) < 3)
    throw Error(ErrorKind::kUsage, "--survivors needs three moments or more",
                "heapglass diff --survivors S1 S2 S3, or a process and --times 3");
  o.report.limit = limit.value_or(o.growth ? 10 : 20);
  const Thresholds thresholds(fail_if);
  if (!o.metrics.file.empty())
    line.common().extra_outputs.emplace_back(o.metrics.file, mode_of_metrics(line.common().mode));
  if (!more.empty()) check_targets(common, o.targets);
  keep_right_to_write(common);  // while there are no threads, and little memory to be forked
  if (o.growth) return print_growth_style(common, o);

  const std::vector<HeapSummary> summaries = take_summaries(common, o);
  const std::vector<std::string> reasons = thresholds.exceeded(summaries.front(), summaries.back());
  if (!o.metrics.file.empty())
    write_metrics(gauges_of(summaries.back(), &summaries.front(), !reasons.empty(), o.metrics), o.metrics,
                  common.mode);
  Document document =
      o.survivors ? survivors_report(summaries, o.report) : diff_report(summaries, reasons, o.report);
  write_document(document, common);
  return reasons.empty() ? kExitDone : kExitExceeded;
}

}  // namespace heapglass
