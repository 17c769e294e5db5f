#include "platform/process/child_program.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

namespace heapglass {
namespace {

int end_of(RunningChild& child) {
  pollfd wait{child.descriptor(), POLLIN, 0};
  EXPECT_EQ(poll(&wait, 1, 60000), 1);
  return child.reap();
}

TEST(ChildProgram, IsWaitedForByADescriptorAndHeard) {
  RunningChild child({.words = {"/bin/sh", "-c", "echo \"heapglass: $WORD\" >&2; exit 7"},
                      .environment = {{"WORD", "told"}}});
  ASSERT_TRUE(child.runs());
  EXPECT_EQ(end_of(child), 7);
  EXPECT_FALSE(child.runs());
  EXPECT_EQ(child.first_line(), "told");
}

TEST(ChildProgram, TellsThatItHasCaptured) {
  RunningChild child({.words = {"/bin/sh", "-c", "echo c >&$HEAPGLASS_CAPTURED_FD; exec sleep 600"},
                      .environment = {},
                      .tells = true});
  pollfd wait{child.told_descriptor(), POLLIN, 0};
  ASSERT_EQ(poll(&wait, 1, 60000), 1);
  EXPECT_TRUE(child.take_told());
  EXPECT_FALSE(child.take_told());
  EXPECT_EQ(child.told_descriptor(), -1);
  child.end(SIGTERM);
  EXPECT_EQ(end_of(child), 128 + SIGTERM);
}

TEST(ChildProgram, EndsWithWhatItStarted) {
  RunningChild child({.words = {"/bin/sh", "-c", "sleep 600 & wait"}, .environment = {}});
  child.end(SIGKILL);
  EXPECT_EQ(end_of(child), 128 + SIGKILL);
}

TEST(ChildProgram, ThatCannotBeStartedSaysSo) {
  RunningChild child({.words = {"/not/there"}, .environment = {}});
  EXPECT_EQ(end_of(child), 127);
  EXPECT_EQ(child.first_line(), "cannot start the program");
}

}  // namespace
}  // namespace heapglass
