// What `heapglass fleet` of the Python package says of a made-up fleet is what was planted in it.
#include <gtest/gtest.h>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

TEST(Fleet, LeaksThatWerePlantedAreFound) {
  const Outcome outcome =
      run_command({"env", "HEAPGLASS=" HEAPGLASS_PROGRAM, "python3", "-B",
                   HEAPGLASS_SOURCE_DIR "/scripts/test-fleet", "--captures", "2400", "--services", "60",
                   "--leaks", "8", "--least-found", "0.75", "--most-false", "0.25"});
  if (outcome.status == 77) GTEST_SKIP() << outcome.out;
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  EXPECT_NE(outcome.out.find("DuckDB: the same answers"), std::string::npos) << outcome.out;
}

}  // namespace
}  // namespace heapglass
