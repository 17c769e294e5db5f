// Where an answer goes and how it looks: what every command that answers takes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/render/formats.h"
#include "lib/render/output.h"
#include "lib/render/output_keeper.h"

namespace heapglass {

struct OutputOptions {
  std::string format;  // empty: by the file's name, else the command's own
  std::string output;  // a file; empty and "-": the standard output
  FileMode mode;       // of the files that are written
  bool exact_bytes = false;
  bool csv_raw = false;
  bool draws = false;  // set by commands: Graphviz draws, whatever the format
  // Set by commands. After the last capture heapglass gives up all rights, so that only `output` and these
  // files can be written, and only these deeds be done: see OutputKeeper.
  std::vector<OutputKeeper::File> extra_outputs;
  std::vector<std::function<void()>> deeds;
  std::function<void()> at_end;
  // Set where a command answers for one of several processes: sees the answer before it is written, and the
  // number of objects of the heap.
  std::function<void(const Document& document, std::uint64_t objects)> on_answer;
  ColorChoice color = ColorChoice::kAuto;
  std::optional<TerminalLook> shown_on;  // the terminal that such an answer is printed on
};

// The format asked for, by its name or the file's; null: neither says.
inline const Format* format_asked_for(const OutputOptions& options) {
  if (!options.format.empty()) return &find_format(options.format);
  return options.output.empty() || options.output == "-" ? nullptr : format_of_file(options.output);
}

inline bool wants_picture(const OutputOptions& options) {
  const Format* format = format_asked_for(options);
  return format && format->draws;
}

inline bool wants_profile(const OutputOptions& options) {
  const Format* format = format_asked_for(options);
  return format && format->profiles;
}

}  // namespace heapglass
