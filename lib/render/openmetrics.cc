#include "lib/render/openmetrics.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "lib/render/numbers.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

// OpenMetrics asks for three escapes in both places; the older format knows no \" in help texts, which have
// none. A line break has an escape there, and comes back; other hidden characters are spelled out.
std::string label_escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t line = std::min(text.find('\n'), text.size());
    for (const char c : printable(text.substr(0, line))) {
      if (c == '\\' || c == '"') out += '\\';
      out += c;
    }
    if (line < text.size()) out += "\\n";
    text.remove_prefix(std::min(line + 1, text.size()));
  }
  return out;
}

}  // namespace

std::string openmetrics(const std::vector<Gauge>& gauges) {
  std::string out;
  for (const Gauge& gauge : gauges) {
    if (gauge.samples.empty()) continue;
    out += "# HELP " + gauge.name + " " + label_escaped(gauge.help) + "\n# TYPE " + gauge.name + " gauge\n";
    // Two that differ in what is spelled out alike would be one twice, which no scrape takes.
    std::map<std::string, double> rendered;
    std::vector<std::map<std::string, double>::iterator> in_order;
    for (const Gauge::Sample& sample : gauge.samples) {
      std::string labels;
      for (const auto& [name, value] : sample.labels)
        labels += (labels.empty() ? "" : ",") + name + "=\"" + label_escaped(value) + "\"";
      const auto [place, is_new] = rendered.try_emplace(labels, 0);
      place->second += sample.value;
      if (is_new) in_order.push_back(place);
    }
    for (const auto& sample : in_order)
      out += gauge.name + (sample->first.empty() ? "" : "{" + sample->first + "}") + " " +
             plain(sample->second) + "\n";
  }
  return out + "# EOF\n";
}

}  // namespace heapglass
