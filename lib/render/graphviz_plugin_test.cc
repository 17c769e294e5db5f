#include "lib/render/graphviz_plugin.h"

#include <cairo.h>
#include <gtest/gtest.h>
#include <gvplugin_textlayout.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <string>

#include "lib/render/graphviz.h"
#include "lib/render/picture_file.h"
#include "lib/render/samples.h"

namespace heapglass {
namespace {

// In a process of its own, as draw() does it: a context is never freed, and a second one of a process would
// go on using fonts of the first (Graphviz 2.42).
std::string drawn(const Picture& picture, const char* format) {
  const int file = memfd_create("drawn", MFD_CLOEXEC);
  const pid_t child = fork();
  if (child == 0) {
    GVC_t* const context = gvContext();
    gvAddLibrary(context, &heapglass_graphviz_plugin);
    const Graph graph = build_graph(picture, PictureStyle::kDefault);
    graph_attribute(graph.get(), {"dpi", "110"});  // as draw() does
    char* data = nullptr;
    unsigned size = 0;
    const bool is_drawn = gvLayout(context, graph.get(), "dot") == 0 &&
                          gvRenderData(context, graph.get(), format, &data, &size) == 0 &&
                          write(file, data, size) == static_cast<ssize_t>(size);
    _exit(is_drawn ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << format;
  std::string bytes(static_cast<std::size_t>(lseek(file, 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(file, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  close(file);
  return bytes;
}

struct Pixels {
  int width = 0, height = 0;
  std::map<std::uint32_t, int> colours;  // 0xAARRGGBB, how many
};

Pixels pixels_of(const std::string& png) {
  std::pair<const std::string*, std::size_t> from{&png, 0};
  cairo_surface_t* const surface = cairo_image_surface_create_from_png_stream(
      [](void* state, unsigned char* to, unsigned count) {
        auto& [bytes, at] = *static_cast<decltype(from)*>(state);
        if (bytes->size() - at < count) return CAIRO_STATUS_READ_ERROR;
        std::memcpy(to, bytes->data() + at, count);
        at += count;
        return CAIRO_STATUS_SUCCESS;
      },
      &from);
  Pixels pixels;
  EXPECT_EQ(cairo_surface_status(surface), CAIRO_STATUS_SUCCESS);
  pixels.width = cairo_image_surface_get_width(surface);
  pixels.height = cairo_image_surface_get_height(surface);
  const unsigned char* const rows = cairo_image_surface_get_data(surface);
  for (int y = 0; y < pixels.height; ++y)
    for (int x = 0; x < pixels.width; ++x) {
      std::uint32_t pixel;
      std::memcpy(&pixel, rows + y * cairo_image_surface_get_stride(surface) + 4 * x, 4);
      ++pixels.colours[pixel | 0xff000000];
    }
  cairo_surface_destroy(surface);
  return pixels;
}

TEST(GraphvizPlugin, DrawsWhatGraphvizsOwnDraws) {
  const Picture picture =
      star(std::vector<std::string>{"dict", "leaky_service.Session", "collections.OrderedDict"});
  Warnings warnings;
  const Pixels theirs = pixels_of(draw(picture, "png", {}, warnings)),
               ours = pixels_of(drawn(picture, "png"));
  // The fonts may be different ones.
  EXPECT_NEAR(ours.width, theirs.width, 0.25 * theirs.width);
  EXPECT_NEAR(ours.height, theirs.height, 0.25 * theirs.height);
  // What is filled is so in the same colours: each that is a hundredth of the picture there is one here.
  for (const auto& [colour, count] : theirs.colours) {
    const int needed = theirs.width * theirs.height / 100;
    if (count < needed) continue;
    const auto found = ours.colours.find(colour);
    ASSERT_NE(found, ours.colours.end()) << std::hex << colour;
    EXPECT_NEAR(found->second, count, 0.4 * count) << std::hex << colour;
  }
}

TEST(GraphvizPlugin, PdfIsOneAndSvgIsLaidOut) {
  const Picture picture = star(kNasty);
  EXPECT_EQ(drawn(picture, "pdf").substr(0, 5), "%PDF-");
  EXPECT_NE(drawn(picture, "svg").find("</svg>"), std::string::npos);
  EXPECT_GT(pixels_of(drawn(picture, "png")).colours.size(), 10u);
}

textspan_t measured(const char* words, double size, unsigned flags) {
  static textfont_t font;
  font.size = size;
  font.flags = flags;
  static std::string text;
  text = words;
  textspan_t span{};
  span.str = text.data();
  span.font = &font;
  const gvplugin_api_t* const api =
      std::find_if(heapglass_graphviz_plugin.apis, heapglass_graphviz_plugin.apis + 3,
                   [](const gvplugin_api_t& each) { return each.api == API_textlayout; });
  EXPECT_TRUE(static_cast<gvtextlayout_engine_t*>(api->types->engine)->textlayout(&span, nullptr));
  return span;
}

TEST(GraphvizPlugin, MeasuresDejaVuSans) {
  // Advances of DejaVu Sans: "i" 569 and "M" 1767 of 2048 units; of its bold face: "M" 2038.
  EXPECT_NEAR(measured("i", 2048, 0).size.x, 569, 1);
  EXPECT_NEAR(measured("M", 2048, 0).size.x, 1767, 1);
  EXPECT_NEAR(measured("M", 2048, HTML_BF).size.x, 2038, 1);
  EXPECT_NEAR(measured("MMMM", 10, 0).size.x, 4 * 10 * 1767 / 2048.0, 0.1);
  EXPECT_EQ(measured("", 10, 0).size.x, 0);
  EXPECT_GT(measured("日本", 10, 0).size.x, 0);  // boxes, of some width
}

}  // namespace
}  // namespace heapglass
