// heapglass report: everything that one looks at, as one page for a browser.
#include <chrono>
#include <thread>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/base/progress.h"
#include "lib/leaks/find_suspects.h"
#include "lib/open/open_heap.h"
#include "lib/open/output_rights.h"
#include "lib/render/output.h"
#include "lib/report/leaks_report.h"
#include "lib/report/report_page.h"

namespace heapglass {
namespace {

void write_page(const CommonOptions& common, const std::string& data, bool as_json) {
  Output output(common.output, common.mode);
  if (!as_json && output.is_terminal())
    throw Error(ErrorKind::kUsage, "a page is not for a terminal", "give a file with -o report.html");
  output.stream() << (as_json ? data + "\n" : report_page(data));
  output.commit();
}

}  // namespace

int run_report(const std::vector<std::string>& arguments) {
  CommandLine line("report", "one page for a browser: what the memory is, what leaks, who holds it");
  std::optional<std::chrono::milliseconds> every;
  std::optional<long long> times;
  std::vector<std::string> more;
  line.takes_more_targets(&more);
  line.takes_processes();
  line.option("every", &every,
              "with one target: capture again after this time, 500ms, 10s or 2m, for growth");
  line.count("times", &times, 2, 1'000'000, "with one target: number of captures (with --every: default 2)");
  if (!line.parse(arguments)) return kExitDone;
  const std::string& format = line.common().format;
  const bool as_json = format == "json";
  if (!format.empty() && !as_json)
    throw Error(ErrorKind::kUsage, "a report is a page, or its data with --format json, and no " + format);
  if (!more.empty() && (every || times))
    throw Error(ErrorKind::kUsage, "--every and --times are for a single target that runs");
  const bool again = every || times;
  const auto interval = every.value_or(std::chrono::seconds(10));
  std::vector<std::string> targets(static_cast<std::size_t>(again ? times.value_or(2) : 1),
                                   line.common().target);
  targets.insert(targets.end(), more.begin(), more.end());

  line.prefer_drawing_program(arguments);
  line.common().draws = true;
  if (!more.empty()) check_targets(line.common(), targets);
  keep_right_to_write(line.common());  // while there is little memory to be forked
  EarlierCaptures earlier;
  const auto began = std::chrono::steady_clock::now();
  for (std::size_t i = 0;; ++i) {
    CommonOptions common = line.common();
    common.target = targets[i];
    common.more_captures = i + 1 < targets.size();
    if (again) std::this_thread::sleep_until(began + static_cast<long long>(i) * interval);
    const auto heap = open_heap(common, {.residency = true, .sharing = true, .open_files = true});
    if (!common.more_captures) {
      const InStage writing(Stage::kWriting);
      write_page(common, report_data(*heap, std::move(earlier), HEAPGLASS_VERSION), as_json);
      return kExitDone;
    }
    if (again && !heap->target().runs())
      throw Error(ErrorKind::kUsage, "there is one moment in " + heap->target().name() + ": it will not grow",
                  "give a later one too: heapglass report OLD NEW -o report.html");
    const LeakContext look(*heap);
    earlier.suspects.push_back(find_suspects(look.search(), {.to_compare = true}));
    if (i == 0) earlier.bill = take_bill(*heap);
    earlier.summaries.push_back(summarize(*heap, {}));
  }
}

}  // namespace heapglass
