// heapglass ui: the page of report, in which one walks through the whole heap, or through two.
#include <iostream>
#include <memory>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/open/open_heap.h"
#include "lib/report/report_page.h"
#include "lib/report/side_by_side.h"
#include "lib/report/walk_answers.h"
#include "lib/snapshot/saved_bill.h"
#include "platform/serving/page_server.h"

namespace heapglass {
namespace {

HeapNeeds needs() { return {.residency = true, .sharing = true, .open_files = true}; }

HeapSummary summary_beside(const Heap& heap) {
  HeapSummary summary = summarize(heap, {.retained = false, .identities = false});
  TakenBill taken = take_bill(heap);
  summary.bill = std::move(taken.bill);
  summary.why_no_bill = std::move(taken.why_none);
  return summary;
}

// Both are kept, since one walks in both. The rights go with the second.
std::string open_both(const CommonOptions& common, const std::string& second,
                      std::vector<std::unique_ptr<Heap>>& heaps) {
  std::vector<std::string> reports;
  for (const std::string& target : {common.target, second}) {
    CommonOptions options = common;
    options.target = target;
    options.more_captures = heaps.empty();
    heaps.push_back(open_heap(options, needs()));
    reports.push_back(report_data(*heaps.back(), {}, HEAPGLASS_VERSION));
  }
  return report_data_of_two(
      reports[0], reports[1],
      side_by_side_document(summary_beside(*heaps[0]), summary_beside(*heaps[1]), kMostSideBySide),
      HEAPGLASS_VERSION);
}

}  // namespace

int run_ui(const std::vector<std::string>& arguments) {
  CommandLine line("ui", "the page of report, over a local address: walk through the whole heap, or two");
  PageServer::Where where;
  bool stay = false;
  std::vector<std::string> more;
  line.takes_more_targets(&more);
  line.count("port", &where.port, 1, 65535, "listen at this port of 127.0.0.1 (default: a free one)");
  line.option("socket", &where.socket, "PATH", "listen at a Unix socket instead, which is made");
  line.flag("stay", &stay, "go on when the browser has gone, until Ctrl-C");
  if (!line.parse(arguments)) return kExitDone;
  const OutputOptions& output = line.common();
  if (!output.output.empty() || !output.format.empty())
    throw Error(ErrorKind::kUsage, "ui writes no file and has no format",
                "for a file: heapglass report TARGET -o report.html");
  if (more.size() > 1)
    throw Error(ErrorKind::kUsage,
                "ui shows two targets at most, and " + std::to_string(1 + more.size()) + " are given",
                "for growth over more: heapglass report TARGET... -o report.html");
  if (where.port && !where.socket.empty())
    throw Error(ErrorKind::kUsage, "--port and --socket exclude each other");
  const std::string both[] = {line.common().target, more.empty() ? "" : more.front()};
  if (!more.empty()) check_targets(line.common(), both);
  line.prefer_drawing_program(arguments);
  where.ends_with_browser = !stay;
  const PageServer server(where);  // before anything of the target is read

  line.common().draws = true;
  std::vector<std::unique_ptr<Heap>> heaps;
  std::string data;
  if (more.empty()) {
    heaps.push_back(open_heap(line.common(), needs()));
    data = report_data(*heaps.front(), {}, HEAPGLASS_VERSION);
  } else {
    data = open_both(line.common(), more.front(), heaps);
  }
  const std::string page = report_page(data, true);
  std::vector<std::unique_ptr<WalkedHeap>> walked;
  std::vector<const WalkedHeap*> asked_heaps;
  for (const auto& heap : heaps) {
    walked.push_back(std::make_unique<WalkedHeap>(*heap));
    asked_heaps.push_back(walked.back().get());
  }
  std::cout << server.address() << "\n"
            << (stay ? "Open it in a browser of this machine; Ctrl-C ends it.\n"
                     : "Open it in a browser of this machine; it ends with the page, or by Ctrl-C.\n")
            << std::flush;
  while (const auto asked = server.next()) {
    if (*asked == "/") {
      server.answer({200, "text/html; charset=utf-8", page});
      continue;
    }
    WalkAnswer answer = answer_walk(asked_heaps, parse_question(*asked));
    server.answer({answer.status, std::move(answer.type), std::move(answer.body)});
  }
  return kExitDone;
}

}  // namespace heapglass
