// The answers of several processes as one: a table over them first, then each one's own.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "lib/render/formats.h"
#include "lib/render/report.h"

namespace heapglass {

struct NamedBytes {
  std::string name;
  std::uint64_t bytes = 0;
};

// What a process' answer says that is compared with the others'.
struct ProcessFacts {
  std::optional<std::uint64_t> objects;
  std::vector<NamedBytes> suspects;   // the worst first
  std::optional<NamedBytes> largest;  // of the types
};

// From the answer of a command about one process.
ProcessFacts facts_of(const Document& document, std::uint64_t objects);
// As bytes, from one process of ours to another.
std::string encode(const ProcessFacts& facts);
ProcessFacts decode_facts(const std::string& bytes);  // what is no such text is left out

struct ProcessAnswer {
  std::int32_t pid = 0, master = 0;  // the process that it was forked from; 0: none of these
  std::string command;
  std::uint64_t rss = 0, pss = 0;  // bytes, 0: not known
  int code = 0;                    // exit code of the command for this process alone
  std::string out;                 // what it answered, in the format asked for
  std::string why;                 // where it did not answer: one line
  std::string file;                // where the answer is a file of its own
  ProcessFacts facts;
};

struct ProcessesReport {
  std::string what;  // that was selected
  std::vector<ProcessAnswer> answers;
  struct LeftOut {
    std::int32_t pid = 0;
    std::string command, why;
  };
  std::vector<LeftOut> left_out;
  std::uint64_t not_permitted = 0;
  Document more;  // of all of them together: between the table and the answers
};

// The process that has most of something that the others have far less of, as a sentence; empty where they
// are alike, and where there are fewer than four that can be compared.
std::string outlier_among(const std::vector<ProcessAnswer>& answers);

// The table over the processes, and `more`.
Document processes_document(const ProcessesReport& report);

// "text", "json" or "csv". In JSON one object: the document's, and each process' own answer as "answer" of
// its row; in CSV the rows of all answers, with the process' id before each.
void write_processes(const ProcessesReport& report, std::string_view format, const RenderOptions& options,
                     std::ostream& out);

}  // namespace heapglass
