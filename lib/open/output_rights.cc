#include "lib/open/output_rights.h"

#include "lib/render/output_keeper.h"
#include "lib/render/write_report.h"

namespace heapglass {
namespace {

bool is_drawn(std::string_view format) { return format == "svg" || format == "png" || format == "pdf"; }

bool is_file(const std::string& path) { return !path.empty() && path != "-"; }

}  // namespace

bool wants_drawing(const OutputOptions& common) {
  if (common.draws) return true;
  if (!common.format.empty()) return is_drawn(common.format);
  const Format* const format = is_file(common.output) ? format_of_file(common.output) : nullptr;
  return format && is_drawn(format->name);
}

void keep_right_to_write(const OutputOptions& common) {
  OutputKeeper::Agreement agreed{.deeds = common.deeds, .at_end = common.at_end};
  std::vector<OutputKeeper::File> files = common.extra_outputs;
  files.emplace_back(common.output, common.mode);
  if (wants_drawing(common) && !common.draws) files.emplace_back(dot_path(common.output), common.mode);
  for (const OutputKeeper::File& file : files)
    if (is_file(file.path)) agreed.files.push_back(file);
  if (!agreed.files.empty() || !agreed.deeds.empty()) OutputKeeper::start(agreed);
}

}  // namespace heapglass
