#include "platform/serving/http_post.h"

#include <gtest/gtest.h>

#include <chrono>

#include "lib/base/error.h"
#include "platform/serving/fake_server.h"
#include "platform/serving/push_sender.h"

namespace heapglass {
namespace {

using std::chrono::milliseconds;

HttpPost post_to(const FakeServer& server, milliseconds within = milliseconds(10'000)) {
  HttpPost post;
  post.url = parse_http_url(server.url() + "/prof/", "--push");
  post.target = "/ingest?name=a";
  post.headers = {{"Authorization", "Bearer x"}};
  post.within = within;
  return post;
}

TEST(HttpUrl, IsReadWithItsParts) {
  const HttpUrl plain = parse_http_url("http://pyroscope", "--push");
  EXPECT_EQ(plain.text(), "http://pyroscope:80");
  const HttpUrl all = parse_http_url("HTTP://[::1]:4040/a/b//", "--push");
  EXPECT_EQ(all.host, "::1");
  EXPECT_EQ(all.port, "4040");
  EXPECT_EQ(all.path, "/a/b");
  EXPECT_EQ(all.text(), "http://[::1]:4040/a/b");
}

TEST(HttpUrl, IsRefusedInOneLineWhereItIsNone) {
  for (const auto& [url, says] : std::vector<std::pair<std::string, std::string>>{
           {"https://p:4040", "by http, not by https"},
           {"p:4040", "no address of a server"},
           {"http://", "no address of a server"},
           {"http://:80", "no address of a server"},
           {"http://p:0", "no port"},
           {"http://p:65536", "no port"},
           {"http://p:4o40", "no port"},
           {"http://p:", "no port"},
           {"http://[::1", "without a ]"},
           {"http://[::1]80", "no port"},
           {"http://user:secret@p:4040", "all users of this machine"},
           {"http://p/x?name=y", "a query"},
           {"http://p/x#y", "a query"},
           {"http://p/a b", "no address of a server"},
           {"http://p/a\r\nX: y", "no address of a server"},
           {"http://" + std::string(300, 'p'), "no address of a server"}}) {
    try {
      (void)parse_http_url(url, "--push");
      ADD_FAILURE() << url << " is taken";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos) << error.what();
    }
  }
}

TEST(HttpHeaders, AreLines) {
  const HttpHeaders headers =
      parse_http_headers("# of the tenant\nX-Scope-OrgID: shop\r\n\nAuthorization:Bearer a:b ", "file");
  ASSERT_EQ(headers.size(), 2u);
  EXPECT_EQ(headers[0], (std::pair<std::string, std::string>("X-Scope-OrgID", "shop")));
  EXPECT_EQ(headers[1].second, "Bearer a:b");
  for (const char* const wrong : {"secret", ": secret", "a b: secret", "A: secret\x01", "Host: secret",
                                  "content-LENGTH: secret", "A: secret\r: x"}) {
    try {
      (void)parse_http_headers(std::string("A: b\n") + wrong, "file");
      ADD_FAILURE() << wrong << " is taken";
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find("file:2: "), 0u) << error.what();
      EXPECT_EQ((error.what() + error.hint()).find("secret"), std::string::npos) << error.what();
    }
  }
}

TEST(HttpPost, SendsOneRequest) {
  const FakeServer server(std::string("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  const std::string body(300'000, '\x7f');
  const HttpAnswer answer = http_post(post_to(server), body);
  EXPECT_EQ(answer.status, 200) << answer.failure;
  ASSERT_EQ(server.requests().size(), 1u);
  const std::string request = server.requests()[0];
  EXPECT_EQ(request.find("POST /prof/ingest?name=a HTTP/1.1\r\nHost: 127.0.0.1:" + server.port() + "\r\n"),
            0u)
      << request.substr(0, 200);
  EXPECT_NE(request.find("\r\nAuthorization: Bearer x\r\n"), std::string::npos);
  EXPECT_EQ(request.substr(request.find("\r\n\r\n") + 4), body);
}

TEST(HttpPost, TellsWhatTheServerSays) {
  struct Case {
    std::string answer;
    int status;
    std::string words;
  };
  for (const Case& each : std::vector<Case>{
           {"HTTP/1.1 422 Unprocessable\r\nContent-Length: 8\r\n\r\ntoo old\n", 422, "too old\n"},
           {"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnam\r\n1\r\ne\r\n0\r\n\r\n", 400,
            "name"},
           {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 Go away\r\nContent-Length: 0\r\n\r\n", 401, "Go away"},
           {"HTTP/1.0 500 Oh\r\n\r\nuntil the end", 500, "until the end"},
           {"HTTP/1.1 413 Large\r\n\r\n" + std::string(100'000, 'x'), 413, std::string(2000, 'x')},
           {"HTTP/1.1 204 Fine\r\n\r\n", 204, "Fine"}}) {
    const FakeServer server(each.answer);
    const HttpAnswer answer = http_post(post_to(server), "body");
    EXPECT_EQ(answer.status, each.status) << answer.failure;
    EXPECT_EQ(answer.words, each.words);
  }
}

TEST(HttpPost, FollowsNoRedirect) {
  const FakeServer other(std::string("HTTP/1.1 200 OK\r\n\r\n"));
  const FakeServer server("HTTP/1.1 307 Elsewhere\r\nLocation: " + other.url() +
                          "/\r\nContent-Length: 0\r\n\r\n");
  const HttpAnswer answer = http_post(post_to(server), "body");
  EXPECT_EQ(answer.status, 307);
  EXPECT_EQ(answer.location, other.url() + "/");
  EXPECT_TRUE(other.requests().empty());
}

TEST(HttpPost, EndsWithWhatIsNoAnswer) {
  for (const auto& [said, failure] : std::vector<std::pair<std::string, std::string>>{
           {"", "hung up"},
           {"HTTP/1.1 2", "hung up"},
           {"SSH-2.0-OpenSSH_9.2\r\n", "no server of HTTP"},
           {"HTTP/1.1 200 OK\r\n" + std::string(200'000, 'x'), "no server of HTTP"}}) {
    const FakeServer server(said);
    const HttpAnswer answer = http_post(post_to(server), "body");
    EXPECT_EQ(answer.status, 0);
    EXPECT_NE(answer.failure.find(failure), std::string::npos) << answer.failure;
  }
}

TEST(HttpPost, WaitsNoLongerThanItsTime) {
  const FakeServer silent(FakeServer::kSilent);
  const auto began = std::chrono::steady_clock::now();
  const HttpAnswer answer = http_post(post_to(silent, milliseconds(200)), "body");
  EXPECT_EQ(answer.status, 0);
  EXPECT_EQ(answer.failure, "there is no answer within 200 ms");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
}

TEST(HttpPost, SaysThatNobodyListens) {
  HttpPost post;
  {
    const FakeServer gone(std::string{});
    post = post_to(gone);
  }
  EXPECT_EQ(http_post(post, "body").failure, "Connection refused");
}

// The process that sends confines itself once it is connected.
TEST(PushSender, SendsFromAProcessOfItsOwn) {
  const FakeServer server(std::string("HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nwhy x"));
  HttpPost post = post_to(server);
  post.target = "/ingest?";
  const PushSender sender(post);
  const std::string body(2'000'000, 'x');
  const HttpAnswer answer = sender.send("name=b%7B%7D", body);
  EXPECT_EQ(answer.status, 403) << answer.failure;
  EXPECT_EQ(answer.words, "why x");
  ASSERT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(server.requests()[0].find("POST /prof/ingest?name=b%7B%7D "), 0u);
  EXPECT_TRUE(server.requests()[0].ends_with(body));
}

// Who took the decoder over adds no header and no second request.
TEST(PushSender, SendsNoQueryThatIsNone) {
  const FakeServer server(std::string("HTTP/1.1 200 OK\r\n\r\n"));
  for (const char* const query : {"a b", "a\r\nX: y", "a\n", "../x", "a#b", "a\xff"}) {
    const PushSender sender(post_to(server));
    EXPECT_EQ(sender.send(query, "body").status, 0) << query;
  }
  EXPECT_TRUE(server.requests().empty());
}

TEST(PushSender, EndsWhereNothingIsSent) {
  const FakeServer server(std::string{});
  const auto began = std::chrono::steady_clock::now();
  { const PushSender sender(post_to(server)); }
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(900));
  EXPECT_TRUE(server.requests().empty());
}

TEST(PercentEncoded, KeepsWhatAQueryMayHave) {
  EXPECT_EQ(percent_encoded("a-Z_0.~{x=y/z,1 }\n"), "a-Z_0.~%7Bx%3Dy%2Fz%2C1%20%7D%0A");
}

}  // namespace
}  // namespace heapglass
