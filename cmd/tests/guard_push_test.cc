// heapglass guard sends profiles: to a server in the test, and to none.
#include <gtest/gtest.h>

#include "cmd/tests/running_guard.h"
#include "platform/serving/fake_server.h"

namespace heapglass {
namespace {

TEST_F(Guard, SendsAProfileAndKeepsNoFile) {
  PythonProgram target = program();
  const std::string id(64, 'a');
  const GroupOfFiles group(folder_.file("kubepods-pod01234567_89ab_cdef_0123_456789abcdef.slice-" + id),
                           target.pid());
  const FakeServer server(std::string("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  RunningGuard guard(
      rules("[shop]\ngroup = " + group.path() + "\nwhen = memory > 90%\ndo = push\nvalues = none\n",
            "push = " + server.url() + "/prof\n"));
  cross(group);
  ASSERT_TRUE(guard.wait_for("process " + target.target() + ": sent "));
  ASSERT_EQ(server.requests().size(), 1u);
  const std::string line = server.requests()[0].substr(0, server.requests()[0].find("\r\n"));
  EXPECT_EQ(line.find("POST /prof/ingest?name="), 0u) << line;
  EXPECT_NE(line.find("container%3Daaaaaaaaaaaa%2C"), std::string::npos) << line;
  EXPECT_NE(line.find("%2Cpod%3D01234567-89ab-cdef-0123-456789abcdef"), std::string::npos) << line;
  EXPECT_EQ(guard.end(), 0);
  EXPECT_TRUE(files_with(".hg").empty()) << guard.said();
}

// The snapshot of the moment stays where it is to stay; the line says why.
TEST_F(Guard, AServerThatIsNotThereIsALine) {
  PythonProgram target = program();
  const GroupOfFiles group(folder_.file("group"), target.pid());
  RunningGuard guard(rules("[shop]\ngroup = " + group.path() + "\nwhen = memory > 90%\ndo = snapshot, push\n",
                           "push = http://127.0.0.1:1\n"));
  cross(group);
  ASSERT_TRUE(
      guard.wait_for("push: cannot send the profile to http://127.0.0.1:1/ingest: Connection refused"));
  EXPECT_EQ(guard.end(), 0);
  EXPECT_EQ(files_with(".hg").size(), 1u);
}

}  // namespace
}  // namespace heapglass
