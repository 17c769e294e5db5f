// What diff answers, as tables.
#pragma once

#include <string>
#include <vector>

#include "lib/compare/heap_summary.h"
#include "lib/render/report.h"

namespace heapglass {

struct DiffReportOptions {
  std::size_t limit = 20;  // of each table; 0: all rows
  bool by_count = false;
};

struct ProgramName {
  std::string target, command_line;
};

// Adds a field "other_program" where the two are not of one: what follows compares things that have nothing
// to do with each other. For the top of a document.
void add_other_program(const ProgramName& first, const ProgramName& last, Document& document);
void add_other_program(const HeapSummary& first, const HeapSummary& last, Document& document);

// From the first moment to the last, which have owners and identities. `reasons`: exceeded thresholds.
Document diff_report(const std::vector<HeapSummary>& summaries, const std::vector<std::string>& reasons,
                     const DiffReportOptions& options);

// What is in the second moment and not in the first, and in all that follow. All have identities.
Document survivors_report(const std::vector<HeapSummary>& summaries, const DiffReportOptions& options);

}  // namespace heapglass
