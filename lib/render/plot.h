// Lines over time, as mprof plots them: SVG, PNG or PDF by the file's ending.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heapglass {

struct PlotSeries {
  std::string name;
  std::string colour;                             // "#0072b2"
  std::vector<std::pair<double, double>> points;  // x ascending
  bool marks = false;                             // a cross at every point
  bool peak = false;                              // lines through the highest point
};

struct Plot {
  std::string title;
  std::string x_title, y_title;
  std::vector<PlotSeries> series;  // y in bytes
};

// `format`: svg, png or pdf. Throws Error kUsage for others, kFile where it cannot be drawn.
std::string draw_plot(const Plot& plot, std::string_view format);

}  // namespace heapglass
