#include "lib/render/write_report.h"

#include <string_view>

#include "lib/base/error.h"
#include "lib/base/progress.h"
#include "lib/render/dot.h"
#include "lib/render/output.h"
#include "lib/render/picture_file.h"
#include "lib/render/profile.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

const Format& choose(const Destination& destination) {
  if (!destination.format.empty()) return find_format(destination.format);
  const bool to_file = !destination.path.empty() && destination.path != "-";
  const Format* by_name = to_file ? format_of_file(destination.path) : nullptr;
  return by_name ? *by_name : find_format(destination.default_format);
}

}  // namespace

std::string dot_path(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  if (path.empty() || path == "-" || path.rfind("/dev/", 0) == 0) return "";
  const std::size_t slash = path.rfind('/');
  const bool extension =
      dot != std::string::npos && (slash == std::string::npos || dot > slash + 1) && dot > 0;
  return (extension ? path.substr(0, dot) : path) + ".dot";
}

void take_look(RenderOptions& options, const TerminalLook& look, ColorChoice color) {
  options.width = look.width;
  options.color = color == ColorChoice::kAuto ? look.color : color == ColorChoice::kAlways;
  options.unicode = look.unicode;
}

Warnings write_report(const Document& document, const Destination& destination, RenderOptions options) {
  const Format& format = choose(destination);
  const InStage writing(format.draws ? Stage::kPicture : Stage::kWriting);
  if (format.draws) (void)picture_of(document, format.name);  // before a file is made
  if (format.profiles) (void)profile_of(document, format.name);
  try {
    Output output(destination.path, destination.mode);
    if (format.binary && output.is_terminal()) {
      throw Error(ErrorKind::kUsage, std::string(format.name) + " is not for a terminal",
                  "give a file with -o FILE." + std::string(format.name));
    }
    take_look(options, destination.shown_on.value_or(output.look()), destination.color);
    Warnings warnings = format.render(document, options, output.stream());
    output.commit();
    if (!format.notes)
      for (const std::string& note : document.notes) warnings.push_back(printable(note));
    return warnings;
  } catch (const PictureError& error) {
    const std::string path = dot_path(destination.path);
    if (path.empty()) throw;
    Output output(path, destination.mode);
    render_dot(document, options, output.stream());
    output.commit();
    throw PictureError(error.kind(), error.what(),
                       "the graph is in '" + path + "': draw it with dot -T" + std::string(format.name) +
                           ", or ask for a smaller one");
  }
}

}  // namespace heapglass
