#include "lib/tracemalloc/trace_file.h"

#include <gtest/gtest.h>

#include <sstream>

#include "lib/base/error.h"

namespace heapglass {
namespace {

using namespace std::string_literals;

TraceSnapshot small_snapshot() {
  TraceSnapshot s{.files = {"a.py", "<m\u00fcll \u20ac>"},
                  .frames = {{0, 7}, {1, 70000}, {0, 3000000000u}},
                  .tracebacks = {{0, 2, 5}, {2, 1, 1}},
                  .traceback_limit = 25};
  for (std::uint64_t i = 0; i < 2500; ++i)
    s.traces.push_back({.size = i << 30,
                        .traceback = static_cast<std::uint32_t>(i % 2),
                        .domain = static_cast<std::uint32_t>(i % 3)});
  return s;
}

std::string bytes_of(const TraceSnapshot& s) {
  std::ostringstream out;
  write_trace_file(s, out);
  return out.str();
}

TEST(TraceFile, ReadsWhatItWrote) {
  for (const bool total : {true, false}) {
    TraceSnapshot s = small_snapshot();
    s.total_frames = total;
    const std::string bytes = bytes_of(s);
    ASSERT_TRUE(is_trace_file(bytes));
    const TraceSnapshot read = read_trace_file(bytes, "it");
    EXPECT_EQ(read.total_frames, total);
    EXPECT_EQ(read.traceback_limit, 25u);
    ASSERT_EQ(read.traces.size(), s.traces.size());
    for (std::size_t i = 0; i < s.traces.size(); ++i) {
      const Trace &a = s.traces[i], &b = read.traces[i];
      EXPECT_EQ(a.size, b.size);
      EXPECT_EQ(a.domain, b.domain);
      ASSERT_EQ(s.tracebacks[a.traceback].count, read.tracebacks[b.traceback].count);
      EXPECT_EQ(total ? s.tracebacks[a.traceback].total_frames : 0,
                read.tracebacks[b.traceback].total_frames);
      for (std::uint32_t f = 0; f < s.tracebacks[a.traceback].count; ++f) {
        EXPECT_EQ(s.files[s.frame(a, f).file], read.files[read.frame(b, f).file]);
        EXPECT_EQ(s.frame(a, f).line, read.frame(b, f).line);
      }
    }
  }
}

// Whatever the bytes are, they are read or refused.
TEST(TraceFile, DamagedIsRefusedOrRead) {
  TraceSnapshot s = small_snapshot();
  s.traces.resize(3);
  const std::string bytes = bytes_of(s);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_THROW(read_trace_file(bytes.substr(0, i), "it"), Error) << "cut at " << i;
    for (const char value :
         {'\0', '(', 'r', 'j', 't', '.', 'e', 'b', '\xff', static_cast<char>(bytes[i] ^ 1)}) {
      std::string damaged = bytes;
      damaged[i] = value;
      try {
        read_trace_file(damaged, "it");
      } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::kFile);
      }
    }
  }
}

// A list that is put into another and then grows could be made as deep as one likes, or a circle.
TEST(TraceFile, NestingHasAnEnd) {
  std::string deep = "\x80\x02";
  for (int i = 0; i < 100000; ++i) deep += ']';
  for (int i = 0; i < 100000; ++i) deep += 'a';
  EXPECT_THROW(read_trace_file(deep + ".", "it"), Error);
  EXPECT_THROW(read_trace_file("\x80\x02]q\x01h\x01"
                               "a.",
                               "it"),
               Error);
  std::string chain =
      "\x80\x02]q\x01]h\x01"
      "a";  // [[]], of which the inner one then takes another
  EXPECT_THROW(read_trace_file(chain + "h\x01]"
                                       "a"
                                       "0.",
                               "it"),
               Error);
}

TEST(TraceFile, NothingElseIsRun) {
  // os.system("true"), as pickle would write it.
  const std::string evil =
      "\x80\x02"
      "cos\nsystem\nX\x04\0\0\0true\x85R."s;
  EXPECT_THROW(read_trace_file(evil, "it"), Error);
}

}  // namespace
}  // namespace heapglass
