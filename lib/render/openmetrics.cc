#include "lib/render/openmetrics.h"

#include "lib/render/numbers.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

// OpenMetrics asks for three escapes in both places; the older format knows no \" in help texts, which have
// none.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '"') {
      out += "\\\"";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string openmetrics(const std::vector<Gauge>& gauges) {
  std::string out;
  for (const Gauge& gauge : gauges) {
    if (gauge.samples.empty()) continue;
    out += "# HELP " + gauge.name + " " + escaped(gauge.help) + "\n# TYPE " + gauge.name + " gauge\n";
    for (const Gauge::Sample& sample : gauge.samples) {
      out += gauge.name;
      std::string labels;
      for (const auto& [name, value] : sample.labels)
        labels += (labels.empty() ? "" : ",") + name + "=\"" + escaped(value) + "\"";
      if (!labels.empty()) out += "{" + labels + "}";
      out += " " + plain(sample.value) + "\n";
    }
  }
  return out + "# EOF\n";
}

}  // namespace heapglass
