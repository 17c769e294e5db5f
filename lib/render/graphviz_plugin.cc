#include "lib/render/graphviz_plugin.h"

#include <cairo-pdf.h>
#include <cairo.h>
#include <gvplugin.h>
#include <gvplugin_device.h>
#include <gvplugin_render.h>
#include <gvplugin_textlayout.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <span>

#include "lib/render/drawing_font.h"

// libgvc exports it; gvio.h, which declares it, is installed by no distribution.
extern "C" std::size_t gvwrite(GVJ_t* job, const char* bytes, std::size_t count);

namespace heapglass {
namespace {

enum Format { kPng, kPdf };
constexpr int kQuality = 100;         // above every plugin of Graphviz's
constexpr double kLineSpacing = 1.2;  // as Graphviz's own estimate of a line
constexpr double kSlant = 0.2;        // of italics, of which the program has no font of its own

constexpr cairo_matrix_t kIdentity = {1, 0, 0, 1, 0, 0};

bool has_flag(const textspan_t& text, unsigned flag) { return text.font && (text.font->flags & flag); }

cairo_matrix_t font_matrix(const textspan_t& text, double scale) {
  const double size = text.font ? text.font->size * scale : 10 * scale;
  // A column vector (x, y) becomes (xx x + xy y, yx x + yy y); y goes down.
  return {size, 0, has_flag(text, HTML_IF) ? -kSlant * size : 0, size, 0, 0};
}

// Without hinting, so that a text is as wide in a picture of any resolution as the layout took it to be.
cairo_font_options_t* font_options() {
  static cairo_font_options_t* const options = [] {
    cairo_font_options_t* const made = cairo_font_options_create();
    cairo_font_options_set_hint_style(made, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(made, CAIRO_HINT_METRICS_OFF);
    cairo_font_options_set_antialias(made, CAIRO_ANTIALIAS_GRAY);
    return made;
  }();
  return options;
}

// FALSE, on which Graphviz estimates, for text that is no UTF-8; escaped() and html_escaped() make none.
boolean measure(textspan_t* text, char** /*font_path*/) {
  const cairo_matrix_t matrix = font_matrix(*text, 1);
  cairo_scaled_font_t* const font =
      cairo_scaled_font_create(drawing_font(has_flag(*text, HTML_BF)), &matrix, &kIdentity, font_options());
  cairo_text_extents_t extents;
  cairo_scaled_font_text_extents(font, text->str, &extents);
  const bool measured = cairo_scaled_font_status(font) == CAIRO_STATUS_SUCCESS;
  cairo_scaled_font_destroy(font);
  if (!measured) return FALSE;
  const double size = text->font ? text->font->size : 10;
  text->size.x = extents.x_advance;
  text->size.y = size * kLineSpacing;
  text->yoffset_layout = 0;
  text->yoffset_centerline = 0.1 * size;
  return TRUE;
}

cairo_t* canvas(GVJ_t* job) { return static_cast<cairo_t*>(job->context); }

cairo_status_t write_to_job(void* job, const unsigned char* bytes, unsigned count) {
  const std::size_t written = gvwrite(static_cast<GVJ_t*>(job), reinterpret_cast<const char*>(bytes), count);
  return written == count ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

void begin_page(GVJ_t* job) {
  cairo_surface_t* const surface =
      job->render.id == kPdf ? cairo_pdf_surface_create_for_stream(write_to_job, job, job->width, job->height)
                             : cairo_image_surface_create(CAIRO_FORMAT_ARGB32, static_cast<int>(job->width),
                                                          static_cast<int>(job->height));
  cairo_t* const made = cairo_create(surface);
  cairo_surface_destroy(surface);  // the context keeps it
  cairo_set_line_join(made, CAIRO_LINE_JOIN_ROUND);
  cairo_set_font_options(made, font_options());
  job->context = made;
}

void end_page(GVJ_t* job) {
  cairo_t* const made = canvas(job);
  if (!made) return;
  cairo_surface_t* const surface = cairo_get_target(made);
  cairo_status_t status = cairo_status(made);
  if (status == CAIRO_STATUS_SUCCESS && job->render.id == kPng)
    status = cairo_surface_write_to_png_stream(surface, write_to_job, job);
  cairo_surface_finish(surface);
  if (status == CAIRO_STATUS_SUCCESS) status = cairo_surface_status(surface);
  // A picture that is too large for cairo, say. What Graphviz is told is what the caller prints.
  if (status != CAIRO_STATUS_SUCCESS) agerr(AGERR, "cairo: %s", cairo_status_to_string(status));
  cairo_destroy(made);
  job->context = nullptr;
}

void colour(GVJ_t* job, const gvcolor_t& of) {
  cairo_set_source_rgba(canvas(job), of.u.RGBA[0], of.u.RGBA[1], of.u.RGBA[2], of.u.RGBA[3]);
}

void stroke(GVJ_t* job) {
  if (job->obj->pen == PEN_NONE) {
    cairo_new_path(canvas(job));
    return;
  }
  const double scale = job->scale.x;
  static constexpr std::array<double, 1> kDash = {6};
  static constexpr std::array<double, 2> kDots = {2, 6};
  const std::span<const double> pattern = job->obj->pen == PEN_DASHED   ? std::span<const double>(kDash)
                                          : job->obj->pen == PEN_DOTTED ? std::span<const double>(kDots)
                                                                        : std::span<const double>();
  std::array<double, 2> scaled{};
  std::transform(pattern.begin(), pattern.end(), scaled.begin(),
                 [&](double length) { return length * scale; });
  cairo_set_dash(canvas(job), scaled.data(), static_cast<int>(pattern.size()), 0);
  cairo_set_line_width(canvas(job), job->obj->penwidth * scale);
  colour(job, job->obj->pencolor);
  cairo_stroke(canvas(job));
}

// The path is filled, where it is, and then drawn. Of a gradient the first colour is taken: no style has one.
void paint(GVJ_t* job, int filled) {
  if (filled) {
    colour(job, job->obj->fillcolor);
    cairo_fill_preserve(canvas(job));
  }
  stroke(job);
}

void text(GVJ_t* job, pointf at, textspan_t* words) {
  cairo_t* const to = canvas(job);
  const double scale = job->scale.x;
  const double width = words->size.x * scale;
  if (words->just == 'r') at.x -= width;
  if (words->just != 'r' && words->just != 'l') at.x -= width / 2;
  const cairo_matrix_t matrix = font_matrix(*words, scale);
  cairo_set_font_face(to, drawing_font(has_flag(*words, HTML_BF)));
  cairo_set_font_matrix(to, &matrix);
  colour(job, job->obj->pencolor);
  cairo_move_to(to, at.x, at.y + words->yoffset_centerline * scale);
  cairo_show_text(to, words->str);
  cairo_new_path(to);
}

// The centre and a corner of the box around it.
void ellipse(GVJ_t* job, pointf* points, int filled) {
  cairo_t* const to = canvas(job);
  cairo_matrix_t before;
  cairo_get_matrix(to, &before);
  cairo_translate(to, points[0].x, points[0].y);
  cairo_scale(to, std::max(std::abs(points[1].x - points[0].x), 1e-6),
              std::max(std::abs(points[1].y - points[0].y), 1e-6));
  cairo_new_path(to);
  cairo_arc(to, 0, 0, 1, 0, 2 * M_PI);
  cairo_set_matrix(to, &before);
  paint(job, filled);
}

void lines(cairo_t* to, const pointf* points, int count) {
  cairo_new_path(to);
  for (int i = 0; i < count; ++i) cairo_line_to(to, points[i].x, points[i].y);
}

void polygon(GVJ_t* job, pointf* points, int count, int filled) {
  lines(canvas(job), points, count);
  cairo_close_path(canvas(job));
  paint(job, filled);
}

void polyline(GVJ_t* job, pointf* points, int count) {
  lines(canvas(job), points, count);
  stroke(job);
}

void bezier(GVJ_t* job, pointf* points, int count, int /*arrow_at_start*/, int /*arrow_at_end*/, int filled) {
  cairo_t* const to = canvas(job);
  cairo_new_path(to);
  cairo_move_to(to, points[0].x, points[0].y);
  for (int i = 1; i + 2 < count; i += 3)
    cairo_curve_to(to, points[i].x, points[i].y, points[i + 1].x, points[i + 1].y, points[i + 2].x,
                   points[i + 2].y);
  paint(job, filled);
}

gvtextlayout_engine_t text_layout = {measure};

gvrender_engine_t renderer = [] {
  gvrender_engine_t made{};
  made.begin_page = begin_page;
  made.end_page = end_page;
  made.textspan = text;
  made.ellipse = ellipse;
  made.polygon = polygon;
  made.beziercurve = bezier;
  made.polyline = polyline;
  return made;
}();

gvrender_features_t renderer_features = {GVRENDER_Y_GOES_DOWN, 4, nullptr, 0, RGBA_DOUBLE};
gvdevice_features_t png_features = {
    GVDEVICE_BINARY_FORMAT | GVDEVICE_DOES_TRUECOLOR, {0, 0}, {0, 0}, {96, 96}};
gvdevice_features_t pdf_features = {GVDEVICE_BINARY_FORMAT, {36, 36}, {0, 0}, {72, 72}};

gvplugin_installed_t text_layouts[] = {{0, "textlayout", kQuality, &text_layout, nullptr}, {}};
gvplugin_installed_t renderers[] = {{0, "cairo", kQuality, &renderer, &renderer_features}, {}};
gvplugin_installed_t devices[] = {{kPng, "png:cairo", kQuality, nullptr, &png_features},
                                  {kPdf, "pdf:cairo", kQuality, nullptr, &pdf_features},
                                  {}};
gvplugin_api_t apis[] = {{API_textlayout, text_layouts},
                         {API_render, renderers},
                         {API_device, devices},
                         {static_cast<api_t>(0), nullptr}};
char package_name[] = "heapglass";

}  // namespace

gvplugin_library_t heapglass_graphviz_plugin = {package_name, apis};

}  // namespace heapglass
