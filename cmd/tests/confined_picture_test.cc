// Drawing after the rights are gone.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>

#include "lib/render/picture_file.h"
#include "platform/confinement/confine.h"
#include "platform/confinement/landlock.h"
#include "platform/files/in_a_child.h"

namespace heapglass {
namespace {

Picture picture_of(std::uint32_t nodes, const std::string& text) {
  Picture picture;
  for (std::uint32_t i = 0; i < nodes; ++i)
    picture.nodes.push_back({.address = Address{0x1000 + i}, .lines = {text}});
  for (std::uint32_t i = 0; i < nodes; ++i)
    for (const std::uint32_t step : {1u, 7u, 31u, 97u})
      picture.edges.push_back({.from = i, .to = (i * 5 + step) % nodes});
  return picture;
}

// To the byte: the same fonts are found.
TEST(ConfinedPicture, IsThatOfOneWithAllRights) {
  for (const char* format : {"svg", "png"}) {
    Warnings warnings;
    const Picture picture = picture_of(5, "caf\u00e9 \u6f22\u5b57 \u0416");
    const std::string free = draw(picture, format, {}, warnings);
    const std::string wrong = in_a_child([&] {
      std::string w = confine(files_of_drawing());
      Warnings others;
      if (draw(picture, format, {}, others) != free) w += "it is another picture";
      for (const std::string& each : others)
        if (warnings.empty()) w += each;
      return w;
    });
    EXPECT_EQ(wrong.substr(0, wrong.find("; ")), landlock_abi() > 0 ? "" : "there is no Landlock here")
        << format;
  }
}

// Its child cannot be signalled by then.
TEST(ConfinedPicture, IsGivenUpInTime) {
  const std::string wrong = in_a_child([] {
    confine(files_of_drawing());
    RenderOptions options;
    options.force = true;
    options.picture_deadline = std::chrono::milliseconds(200);
    Warnings warnings;
    const auto began = std::chrono::steady_clock::now();
    try {
      draw(picture_of(3000, "list"), "svg", options, warnings);
      return std::string("it was drawn");
    } catch (const PictureError& error) {
      if (std::string(error.what()).find("did not lay out") == std::string::npos)
        return std::string(error.what());
    }
    if (std::chrono::steady_clock::now() - began > std::chrono::seconds(5))
      return std::string("it took too long");
    return waitpid(-1, nullptr, WNOHANG) == -1 ? std::string() : std::string("a child is left");
  });
  EXPECT_EQ(wrong, "");
}

}  // namespace
}  // namespace heapglass
