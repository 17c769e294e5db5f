#include "lib/render/plot.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "lib/base/error.h"
#include "lib/render/drawing_font.h"
#include "lib/render/numbers.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

constexpr double kWidth = 900, kHeight = 480;
constexpr double kLeft = 90, kRight = 24, kTop = 56, kBottom = 56;

// 1, 2 or 5 times a power of ten, so that about `wanted` of them are in `range`.
double step_of(double range, int wanted) {
  if (range <= 0) return 1;
  const double raw = range / wanted, power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (raw <= factor * power) return factor * power;
  return 10 * power;
}

class Canvas {
 public:
  Canvas(const Plot& plot, cairo_t* to) : plot_(plot), c_(to) {
    bool any = false;
    for (const PlotSeries& s : plot.series)
      for (const auto& [x, y] : s.points) {
        x_min_ = any ? std::min(x_min_, x) : x;
        x_max_ = any ? std::max(x_max_, x) : x;
        y_max_ = any ? std::max(y_max_, y) : y;
        any = true;
      }
    if (x_max_ <= x_min_) x_max_ = x_min_ + 1;
    y_max_ = y_max_ <= 0 ? 1 : y_max_ * 1.05;  // from zero: half as high is half as much
  }

  void draw() {
    colour("#ffffff");
    cairo_paint(c_);
    cairo_set_font_face(c_, drawing_font(false));
    axes();
    for (const PlotSeries& s : plot_.series) series(s);
    legend();
  }

 private:
  double x(double at) const { return kLeft + (at - x_min_) / (x_max_ - x_min_) * (kWidth - kLeft - kRight); }
  double y(double at) const { return kHeight - kBottom - at / y_max_ * (kHeight - kTop - kBottom); }

  void colour(const std::string& hex) {
    const auto part = [&](std::size_t at) { return std::stoi(hex.substr(at, 2), nullptr, 16) / 255.0; };
    cairo_set_source_rgb(c_, part(1), part(3), part(5));
  }
  void line(double x1, double y1, double x2, double y2) {
    cairo_move_to(c_, x1, y1);
    cairo_line_to(c_, x2, y2);
    cairo_stroke(c_);
  }
  // `align`: 0 begins there, 0.5 is in the middle of it, 1 ends there.
  void text(const std::string& words, double at_x, double at_y, double size, double align) {
    const std::string clean = printable(words);
    cairo_set_font_size(c_, size);
    cairo_text_extents_t extents;
    cairo_text_extents(c_, clean.c_str(), &extents);
    cairo_move_to(c_, at_x - align * extents.x_advance, at_y);
    cairo_show_text(c_, clean.c_str());
  }

  void axes() {
    cairo_set_line_width(c_, 1);
    const double x_step = step_of(x_max_ - x_min_, 8), y_step = step_of(y_max_, 6);
    for (double at = std::ceil(x_min_ / x_step) * x_step; at <= x_max_; at += x_step) {
      colour("#e4e9ee");
      line(x(at), y(0), x(at), kTop);
      colour("#33414f");
      text(plain(std::round(at * 1e6) / 1e6), x(at), kHeight - kBottom + 18, 12, 0.5);
    }
    for (double at = 0; at <= y_max_; at += y_step) {
      colour("#e4e9ee");
      line(kLeft, y(at), kWidth - kRight, y(at));
      colour("#33414f");
      text(human_bytes(static_cast<std::uint64_t>(at)), kLeft - 8, y(at) + 4, 12, 1);
    }
    colour("#33414f");
    line(kLeft, kTop, kLeft, y(0));
    line(kLeft, y(0), kWidth - kRight, y(0));
    text(cut_middle(printable(plot_.title), 100, "..."), kWidth / 2, 24, 14, 0.5);
    text(plot_.x_title, (kLeft + kWidth - kRight) / 2, kHeight - 14, 12, 0.5);
    text(plot_.y_title, 12, kTop - 14, 12, 0);
  }

  void series(const PlotSeries& s) {
    if (s.points.empty()) return;
    if (s.peak) peak(s);
    colour(s.colour);
    cairo_set_line_width(c_, 1.8);
    cairo_set_line_join(c_, CAIRO_LINE_JOIN_ROUND);
    for (std::size_t i = 0; i < s.points.size(); ++i)
      (i ? cairo_line_to : cairo_move_to)(c_, x(s.points[i].first), y(s.points[i].second));
    cairo_stroke(c_);
    if (!s.marks || s.points.size() > 200) return;
    cairo_set_line_width(c_, 1.2);
    for (const auto& [at_x, at_y] : s.points) {
      line(x(at_x) - 4, y(at_y), x(at_x) + 4, y(at_y));
      line(x(at_x), y(at_y) - 4, x(at_x), y(at_y) + 4);
    }
  }

  void peak(const PlotSeries& s) {
    const auto& [at_x, at_y] = *std::max_element(
        s.points.begin(), s.points.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    const double dashes[] = {5, 4};
    colour("#d55e00");
    cairo_set_line_width(c_, 1);
    cairo_set_dash(c_, dashes, 2, 0);
    line(kLeft, y(at_y), kWidth - kRight, y(at_y));
    line(x(at_x), kTop, x(at_x), y(0));
    cairo_set_dash(c_, nullptr, 0, 0);
    text(human_bytes(static_cast<std::uint64_t>(at_y)), kWidth - kRight - 4, y(at_y) - 5, 12, 1);
  }

  void legend() {
    double at = kLeft + 90;
    for (const PlotSeries& s : plot_.series) {
      colour(s.colour);
      cairo_set_line_width(c_, 1.8);
      line(at, kTop - 18, at + 24, kTop - 18);
      colour("#33414f");
      text(s.name, at + 30, kTop - 14, 12, 0);
      cairo_text_extents_t extents;
      cairo_text_extents(c_, s.name.c_str(), &extents);
      at += 54 + extents.x_advance;
    }
  }

  const Plot& plot_;
  cairo_t* const c_;
  double x_min_ = 0, x_max_ = 1, y_max_ = 1;
};

cairo_status_t append(void* to, const unsigned char* bytes, unsigned length) {
  static_cast<std::string*>(to)->append(reinterpret_cast<const char*>(bytes), length);
  return CAIRO_STATUS_SUCCESS;
}

}  // namespace

std::string draw_plot(const Plot& plot, std::string_view format) {
  if (format != "svg" && format != "png" && format != "pdf")
    throw Error(ErrorKind::kUsage, "a plot is drawn as svg, png or pdf, not as '" + std::string(format) + "'",
                "give a file name with one of these endings");
  std::string out;
  const bool png = format == "png";
  cairo_surface_t* const surface =
      png               ? cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(kWidth),
                                                     static_cast<int>(kHeight))
      : format == "svg" ? cairo_svg_surface_create_for_stream(append, &out, kWidth, kHeight)
                        : cairo_pdf_surface_create_for_stream(append, &out, kWidth, kHeight);
  cairo_t* const context = cairo_create(surface);
  Canvas(plot, context).draw();
  if (png) cairo_surface_write_to_png_stream(surface, append, &out);
  const cairo_status_t status = cairo_status(context);
  cairo_destroy(context);
  cairo_surface_finish(surface);
  cairo_surface_destroy(surface);
  if (status != CAIRO_STATUS_SUCCESS || out.empty())
    throw Error(ErrorKind::kFile, std::string("the plot cannot be drawn: ") + cairo_status_to_string(status));
  return out;
}

}  // namespace heapglass
