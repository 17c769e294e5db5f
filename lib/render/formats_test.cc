#include "lib/render/formats.h"

#include <gtest/gtest.h>

#include <sstream>

#include "lib/base/error.h"
#include "lib/render/samples.h"

namespace heapglass {
namespace {

TEST(Formats, AMissingOneListsWhatThereIs) {
  try {
    find_format("jpeg");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    const std::string what = error.what();
    EXPECT_TRUE(what.starts_with("invalid --format 'jpeg': use text, ")) << what;
    for (const Format& format : formats()) EXPECT_NE(what.find(format.name), std::string::npos) << what;
  }
}

TEST(Formats, AreKnownByExtension) {
  EXPECT_EQ(format_of_file("a/b.svg")->name, "svg");
  EXPECT_EQ(format_of_file("B.PNG")->name, "png");
  EXPECT_EQ(format_of_file("x.gv")->name, "dot");
  EXPECT_EQ(format_of_file("x.jpeg"), nullptr);
  EXPECT_EQ(format_of_file("noextension"), nullptr);
}

TEST(Formats, ATableCannotBeDrawn) {
  for (const Format& format : formats()) {
    std::ostringstream out;
    if (format.draws || format.profiles) {
      EXPECT_THROW(format.render(histogram(), {}, out), Error) << format.name;
    } else {
      EXPECT_NO_THROW(format.render(histogram(), {}, out)) << format.name;
    }
  }
}

TEST(Formats, SameBytesForTheSameDocument) {
  for (const Format& format : formats()) {
    if (format.name == "pdf") continue;  // cairo writes the time into it
    if (format.profiles) continue;       // profile_test.cc
    std::ostringstream first, second;
    format.render(document_of(star(kNasty)), {}, first);
    format.render(document_of(star(kNasty)), {}, second);
    EXPECT_FALSE(first.str().empty()) << format.name;
    EXPECT_TRUE(first.str() == second.str()) << format.name;
  }
}

}  // namespace
}  // namespace heapglass
