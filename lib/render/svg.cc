#include "lib/render/svg.h"

#include <string_view>

namespace heapglass {
namespace {

// Graphviz writes colours as attributes, which any rule overrides. The light colours are in default_style.cc,
// from which the texts' and legend's are found by value and the nodes' by class.
constexpr std::string_view kStyle = R"css(<style>
@media (prefers-color-scheme: dark) {
  svg { background: #14191f; }
  g.graph > polygon:first-of-type { fill: #14191f; }
  text, text[fill="#1b2733"] { fill: #e4e9ee; }
  text[fill="#5b6875"], text[fill="#6b7782"], text[fill="#33414f"] { fill: #a7b3bf; }
  text[fill="#b34700"] { fill: #ff9d5c; }
  g.edge path, g.edge polygon { stroke: #8b98a5; }
  g.edge polygon { fill: #8b98a5; }
  [fill="#f4f6f8"] { fill: #232b33; } [stroke="#7d8a97"] { stroke: #7d8a97; }
  [fill="#ffffff"] { fill: #181e25; } [stroke="#a9b4be"] { stroke: #46525e; }
  [fill="#e3f0fa"] { fill: #10304a; } [stroke="#0072b2"] { stroke: #4aa8de; }
  [fill="#dcf3ea"] { fill: #0b3a2d; } [stroke="#009e73"] { stroke: #2fc79a; }
  [fill="#fff3d1"] { fill: #40330e; } [stroke="#c98a00"] { stroke: #e6b13c; }
  [fill="#f7e6f0"] { fill: #43233a; } [stroke="#b0588a"] { stroke: #dd93bb; }
  [fill="#bfe3f8"] { fill: #114b6e; }
  [fill="#fde3d0"] { fill: #562506; } [stroke="#d55e00"] { stroke: #ff8533; }
}
</style>
)css";

}  // namespace

std::string with_dark_mode(std::string svg) {
  const std::size_t begin = svg.find("<svg");
  const std::size_t end = begin == std::string::npos ? begin : svg.find('>', begin);
  if (end == std::string::npos) return svg;
  svg.insert(end + 1, "\n" + std::string(kStyle));
  return svg;
}

}  // namespace heapglass
