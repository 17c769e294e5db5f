// Profiles that are sent: to a server in the test, which keeps what it is sent and says what it is told.
#include <gtest/gtest.h>

#include "cmd/tests/proc_status.h"
#include "cmd/tests/running_guard.h"
#include "lib/open/heap_push.h"
#include "platform/serving/fake_server.h"

namespace heapglass {
namespace {

const std::string kTaken = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

std::string body_of(const std::string& request) { return request.substr(request.find("\r\n\r\n") + 4); }
std::string first_line_of(const std::string& request) { return request.substr(0, request.find("\r\n")); }

class Push : public testing::Test {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
  }
  std::string kept(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_.file(name), std::ios::binary) << bytes;
    return folder_.file(name);
  }
  static PythonProgram stopped(const std::vector<std::string>& more = {}) {
    std::vector<std::string> command{few_interpreters().back().path};
    command.insert(command.end(), more.begin(), more.end());
    command.push_back(kPrograms + "growing.py");
    return PythonProgram(command);
  }

  TemporaryFolder folder_;
};

TEST_F(Push, HasTheBytesOfEveryTypeByOwnerAndBySite) {
  PythonProgram target = stopped({"-X", "tracemalloc=3"});
  ASSERT_EQ(target.ask("grow 3000"), "OK");
  kill(target.pid(), SIGSTOP);
  const FakeServer server(kTaken);
  const std::string file = folder_.file("heap.pb.gz");
  const Outcome sent = heapglass({"export", target.target(), "--push", server.url(), "--service", "my shop",
                                  "--host", "web-1", "--label", "pod=a/b,c", "-o", file});
  ASSERT_EQ(sent.status, 0) << sent.err;
  ASSERT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(first_line_of(server.requests()[0])
                .find("POST /ingest?name=my_shop%7Bhost%3Dweb-1%2Cpod%3Da%2Fb_c%7D&from="),
            0u)
      << first_line_of(server.requests()[0]);
  EXPECT_EQ(file_text(file), body_of(server.requests()[0]));
  EXPECT_NE(sent.out.find(" of my_shop{host=web-1,pod=a/b_c} to " + server.url() + "/ingest\n"),
            std::string::npos)
      << sent.out;
  const Outcome types = heapglass({"histogram", target.target(), "--limit", "0", "--format", "json"});
  const Outcome checked =
      run_command({"python3", "-B", kPrograms + "check_profile.py", file, kept("types.json", types.out)});
  EXPECT_EQ(checked.status, 0) << checked.err;
  EXPECT_EQ(checked.out, "checked inuse_space type_space site_space\n");

  // Its snapshot, which has no groups and is sent as of its own time, says the same.
  const std::string snapshot = folder_.file("s.hg"), again = folder_.file("again.pb.gz");
  ASSERT_EQ(heapglass({"snapshot", target.target(), "-o", snapshot}).status, 0);
  ASSERT_EQ(heapglass({"export", snapshot, "-o", again}).status, 0);
  const Outcome same =
      run_command({"python3", "-B", kPrograms + "check_profile.py", again, folder_.file("types.json"), file});
  EXPECT_EQ(same.status, 0) << same.err;
  kill(target.pid(), SIGCONT);
}

// A server has to keep every stack that is new: a cache that grows brings none.
TEST_F(Push, HasTheSameStacksOfEveryCapture) {
  PythonProgram target = stopped();
  std::vector<std::string> files;
  for (const char* const grow : {"grow 2000", "grow 3001"}) {
    ASSERT_EQ(target.ask(grow), "OK");
    files.push_back(folder_.file("heap" + std::to_string(files.size()) + ".pb.gz"));
    ASSERT_EQ(heapglass({"export", target.target(), "--format", "pprof", "-o", files.back()}).status, 0);
  }
  kill(target.pid(), SIGSTOP);
  const Outcome types = heapglass({"histogram", target.target(), "--limit", "0", "--format", "json"});
  kill(target.pid(), SIGCONT);
  const Outcome checked = run_command(
      {"python3", "-B", kPrograms + "check_profile.py", files[1], kept("types.json", types.out), files[0]});
  EXPECT_EQ(checked.status, 0) << checked.err;
}

TEST_F(Push, WhatIsNotTakenIsALine) {
  PythonProgram target = stopped();
  const std::string snapshot = folder_.file("s.hg");
  ASSERT_EQ(heapglass({"snapshot", target.target(), "-o", snapshot}).status, 0);
  struct Case {
    std::string answer, says, hint;
  };
  for (const Case& each : std::vector<Case>{
           {"HTTP/1.1 422 X\r\n\r\n\x1b[31mtoo\r\nold\xff", "answered 422 \\x1b[31mtoo old\xEF\xBF\xBD", ""},
           {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "answered 401 Unauthorized",
            "--push-headers"},
           {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            "answered 302", "redirects are not followed"},
           {"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "answered 503 Busy", "try again later"},
           {"HTTP/1.1 413 X\r\n\r\n" + std::string(90'000, 'y'), std::string(290, 'y'), ""},
           {"", "it hung up without an answer", "is the server there"},
           {"220 smtp\r\n", "no server of HTTP", ""},
           {FakeServer::kSilent, "there is no answer within 300 ms", ""}}) {
    const FakeServer server(each.answer);
    const Outcome outcome =
        heapglass({"export", snapshot, "--push", server.url(), "--push-timeout", "300ms"});
    EXPECT_EQ(outcome.status, 5) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find(each.says), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find(each.hint), std::string::npos) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_LT(outcome.err.size(), 700u);
  }
  std::string gone;
  {
    const FakeServer server(kTaken);
    gone = server.url();
  }
  const Outcome refused = heapglass({"export", snapshot, "--push", gone});
  EXPECT_EQ(refused.status, 5);
  EXPECT_NE(refused.err.find("cannot send the profile to " + gone + "/ingest: Connection refused"),
            std::string::npos)
      << refused.err;
}

TEST_F(Push, ItsOptionsAreCheckedBeforeAnythingIsLookedAt) {
  for (const auto& [words, says] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--push", "https://p:4040"}, "by http, not by https"},
           {{"--push", "http://u:p@host"}, "all users of this machine"},
           {{"--push", "http://p", "--format", "jsonl"}, "--push sends a pprof"},
           {{"--push", "http://p", "--label", "color=red"}, "invalid --label 'color=red'"},
           {{"--push", "http://p", "--push-headers", "/nonexistent"}, "/nonexistent"},
           {{"--push", "http://p", "--push-timeout", "soon"}, "--push-timeout"},
           {{"--push-timeout", "3s"}, "are for --push"},
           {{"--format", "pprof"}, "does not go to the standard output"}}) {
    std::vector<std::string> all{"export", "999999999"};
    all.insert(all.end(), words.begin(), words.end());
    const Outcome outcome = heapglass(all);
    EXPECT_EQ(outcome.status, 2) << outcome.err;
    EXPECT_NE(outcome.err.find(says), std::string::npos) << outcome.err;
  }
}

TEST_F(Push, CredentialsAreOfAFileOrTheEnvironment) {
  PythonProgram target = stopped();
  const std::string snapshot = folder_.file("s.hg");
  ASSERT_EQ(heapglass({"snapshot", target.target(), "-o", snapshot}).status, 0);
  const FakeServer server(kTaken);
  const std::string file = kept("headers", "Authorization: Bearer of-the-file\nX-Scope-OrgID: shop\n");
  ASSERT_EQ(heapglass({"export", snapshot, "--push", server.url(), "--push-headers", file}).status, 0);
  ASSERT_EQ(run_command({"env", "HEAPGLASS_PUSH_HEADERS=Authorization: Bearer of-the-environment",
                         HEAPGLASS_PROGRAM, "export", snapshot, "--push", server.url()})
                .status,
            0);
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_NE(requests[0].find("\r\nAuthorization: Bearer of-the-file\r\nX-Scope-OrgID: shop\r\n"),
            std::string::npos);
  EXPECT_NE(requests[1].find("\r\nAuthorization: Bearer of-the-environment\r\n"), std::string::npos);
}

TEST_F(Push, OfSeveralProcessesEachIsSent) {
  PythonProgram target = stopped();
  const FakeServer server(kTaken);
  const Outcome sent =
      heapglass({"export", "--family", target.target(), "--push", server.url(), "--service", "shop"});
  EXPECT_EQ(sent.status, 0) << sent.err;
  EXPECT_EQ(server.requests().size(), 1u) << sent.out;
}

TEST(SeriesName, HasFewLetters) {
  EXPECT_EQ(series_name("shop.web", {{"host", "web-1"}, {"pod", ""}}), "shop.web{host=web-1}");
  EXPECT_EQ(series_name("...", {}), "python");
  EXPECT_EQ(series_name("a{b=c},\x1b", {{"h=", "x,y}=\"z\n"}}), "a_b_c___{h_=x_y___z_}");
  EXPECT_EQ(series_name(std::string(500, 'x'), {}).size(), 128u);
}

TEST(ContainerLabels, AreOfTheKernelsText) {
  const std::string id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                    uid = "01234567-89ab-cdef-0123-456789abcdef";
  const PushLabels pod = container_labels("0::/kubepods/burstable/pod" + uid + "/" + id + "\n");
  EXPECT_EQ(pod, (PushLabels{{"container", "0123456789ab"}, {"pod", uid}}));
  EXPECT_EQ(container_labels("0::/system.slice/docker-" + id + ".scope"),
            (PushLabels{{"container", "0123456789ab"}}));
  EXPECT_TRUE(container_labels("0::/user.slice/podman\n1:x:/pod" + std::string(36, 'z')).empty());
}

}  // namespace
}  // namespace heapglass
