// The page of report: one HTML file with everything in it. cmd/report/ has its program, whose built form
// (cmd/report/page.html) is part of heapglass; the answers are put into it as JSON, which it shows as text.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/compare/heap_summary.h"
#include "lib/heap/heap.h"
#include "lib/leaks/suspect.h"
#include "lib/render/report.h"
#include "lib/snapshot/saved_bill.h"

namespace heapglass {

// Captures before the one that the report is of, the oldest first.
struct EarlierCaptures {
  std::vector<std::vector<Suspect>> suspects;
  std::vector<HeapSummary> summaries;
  TakenBill bill;  // of the first
};

// The answers of the commands, as their --format json gives them, under the commands' names, and what the
// page alone shows. One JSON object. Pictures are drawn by Graphviz.
std::string report_data(const Heap& heap, EarlierCaptures earlier, std::string_view version);

// Of two targets, which need not be of one program, and what they have beside each other:
// {"targets": [FIRST, SECOND], "side_by_side": {...}}. FIRST and SECOND are of report_data().
std::string report_data_of_two(const std::string& first, const std::string& second, Document side_by_side,
                               std::string_view version);
constexpr std::size_t kMostSideBySide = 500;  // rows of a table

// The page with these data in it. A page that is `served` may ask where it came from.
std::string report_page(std::string_view data, bool served = false);

// A document as one line of JSON for the page: texts of more than `longest` columns are cut, which a note
// says.
std::string page_json(Document document, std::size_t longest);

// JSON that ends no element of HTML and begins none, whatever is in it: the same value.
std::string json_for_html(std::string_view json);

// Every text in it that is longer is cut in the middle; how many there were.
std::size_t cut_long_texts(Document& document, std::size_t columns);

}  // namespace heapglass
