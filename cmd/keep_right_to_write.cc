#include "cmd/keep_right_to_write.h"

#include "lib/render/output_keeper.h"
#include "lib/render/write_report.h"

namespace heapglass {
namespace {

bool is_drawn(std::string_view format) { return format == "svg" || format == "png" || format == "pdf"; }

bool is_file(const std::string& path) { return !path.empty() && path != "-"; }

}  // namespace

bool wants_drawing(const CommonOptions& common) {
  if (!common.format.empty()) return is_drawn(common.format);
  const Format* const format = is_file(common.output) ? format_of_file(common.output) : nullptr;
  return format && is_drawn(format->name);
}

void keep_right_to_write(const CommonOptions& common) {
  OutputKeeper::Agreement agreed{.deeds = common.deeds, .at_end = common.at_end};
  std::vector<std::string> paths = common.also_writes;
  paths.push_back(common.output);
  if (wants_drawing(common)) paths.push_back(dot_path(common.output));
  for (const std::string& path : paths)
    if (is_file(path)) agreed.files.push_back(path);
  if (!agreed.files.empty() || !agreed.deeds.empty()) OutputKeeper::start(agreed);
}

}  // namespace heapglass
