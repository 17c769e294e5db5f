#include "lib/render/picture_file.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "lib/render/samples.h"

namespace heapglass {
namespace {

Picture random_picture(std::uint32_t nodes, std::uint32_t edges) {
  Picture picture = star(std::vector<std::string>(nodes - 1, "dict"));
  std::mt19937 random(1);
  picture.edges.clear();
  for (std::uint32_t i = 0; i < edges; ++i) {
    picture.edges.push_back(
        {static_cast<std::uint32_t>(random() % nodes), static_cast<std::uint32_t>(random() % nodes), "k"});
  }
  return picture;
}

std::string drawn(const Picture& picture, const char* format, RenderOptions options = {}) {
  Warnings warnings;
  return draw(picture, format, options, warnings);
}

TEST(PictureFile, PngIsOne) {
  for (const PictureStyle style : {PictureStyle::kDefault, PictureStyle::kObjgraph}) {
    RenderOptions options;
    options.style = style;
    const std::string png = drawn(star(kNasty), "png", options);
    EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
    EXPECT_GT(png.size(), 10'000u);
  }
}

TEST(PictureFile, PdfIsOne) { EXPECT_EQ(drawn(star(kNasty), "pdf").substr(0, 5), "%PDF-"); }

TEST(PictureFile, SvgFollowsDarkMode) {
  const std::string svg = drawn(star(kNasty), "svg");
  EXPECT_NE(svg.find("prefers-color-scheme: dark"), std::string::npos);
  EXPECT_NE(svg.find("</svg>"), std::string::npos);
  EXPECT_EQ(svg.find("<b>html"), std::string::npos);
  for (const char c : svg) ASSERT_TRUE(c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= 0x20);
  RenderOptions options;
  options.style = PictureStyle::kObjgraph;
  EXPECT_EQ(drawn(star(kNasty), "svg", options).find("prefers-color-scheme"), std::string::npos);
}

TEST(PictureFile, EveryNastyTextCanBeDrawn) {
  for (const std::string& text : kNasty) {
    Picture picture = star(std::vector<std::string>{text});
    picture.title = text;
    picture.notes = {text};
    for (const PictureNode::Kind kind : {PictureNode::Kind::kObject, PictureNode::Kind::kRoot}) {
      picture.nodes[1].kind = kind;
      Warnings warnings;
      EXPECT_FALSE(draw(picture, "svg", {}, warnings).empty()) << text;
      EXPECT_TRUE(warnings.empty()) << text << ": " << warnings[0];
    }
  }
}

TEST(PictureFile, DeadlineEndsTheChild) {
  RenderOptions options;
  options.picture_deadline = std::chrono::milliseconds(50);
  options.force = true;
  const auto begin = std::chrono::steady_clock::now();
  try {
    drawn(random_picture(3000, 12'000), "svg", options);
    FAIL();
  } catch (const PictureError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kFile);
    EXPECT_NE(std::string(error.what()).find("50.0 ms"), std::string::npos) << error.what();
    EXPECT_NE(error.hint().find("DOT"), std::string::npos);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);  // no zombie
}

TEST(PictureFile, AnUnknownRendererIsAnErrorOfItsOwn) {
  try {
    drawn(star(kNasty), "nosuchformat");
    FAIL();
  } catch (const PictureError& error) {
    EXPECT_NE(std::string(error.what()).find("nosuchformat"), std::string::npos) << error.what();
  }
}

TEST(PictureFile, LargePicturesWarnAndHugeOnesAreRefused) {
  Warnings warnings;
  draw(star(std::vector<std::string>(250, "dict")), "svg", {}, warnings);
  EXPECT_EQ(warnings.size(), 1u);
  try {
    drawn(star(std::vector<std::string>(3001, "dict")), "svg");
    FAIL();
  } catch (const PictureError&) {
    FAIL() << "a refusal is not a failure to draw";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  }
}

TEST(PictureFile, FontlessMachinesAreTold) {
  char config[] = "/tmp/heapglass-fonts-XXXXXX";
  const int fd = mkstemp(config);
  ASSERT_EQ(write(fd, "<fontconfig></fontconfig>", 25), 25);
  close(fd);
  // In a process of its own: fontconfig reads its configuration once.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto draw_without_fonts = [&] {
    setenv("FONTCONFIG_FILE", config, 1);
    Warnings warnings;
    draw(star(kNasty), "png", {}, warnings);
    std::fprintf(stderr, "%s\n", warnings.empty() ? "no warning" : warnings[0].c_str());
    _exit(0);
  };
  EXPECT_EXIT(draw_without_fonts(), testing::ExitedWithCode(0), "no font");
  unlink(config);
}

}  // namespace
}  // namespace heapglass
