#include "platform/serving/web_front.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

const WebFront kFront{.token = "0123456789abcdef"};

WebRequest good() { return {"GET", "/0123456789abcdef/object?id=0x10", "127.0.0.1:40123", "", ""}; }

TEST(Refusal, IsNoneOfTheOwnPage) {
  WebRequest request = good();
  EXPECT_EQ(refusal_of(request, kFront), 0);
  request.origin = "http://127.0.0.1:40123";
  request.fetch_site = "same-origin";
  EXPECT_EQ(refusal_of(request, kFront), 0);
  // Through a tunnel of ssh, at another port.
  request = good();
  request.host = "localhost:8000";
  EXPECT_EQ(refusal_of(request, kFront), 0);
}

TEST(Refusal, IsOfWhoHasNotTheToken) {
  for (const char* const target :
       {"", "/", "//", "/0123456789abcde/", "/0123456789abcdef0/", "/0123456789abcdeg/", "0123456789abcdef/",
        "*", "http://127.0.0.1/0123456789abcdef/"}) {
    WebRequest request = good();
    request.target = target;
    EXPECT_EQ(refusal_of(request, kFront), 403) << target;
  }
  WebRequest request = good();
  request.target = "/0123456789abcdef";
  EXPECT_EQ(refusal_of(request, kFront), 404);
}

TEST(Refusal, IsOfOtherSites) {
  for (const char* const host :
       {"", "elsewhere.example", "127.0.0.1.elsewhere.example:80", "[::1", "10.0.0.1"}) {
    WebRequest request = good();
    request.host = host;
    EXPECT_EQ(refusal_of(request, kFront), 403) << host;
  }
  WebRequest request = good();
  request.origin = "http://elsewhere.example";
  EXPECT_EQ(refusal_of(request, kFront), 403);
  request = good();
  request.fetch_site = "cross-site";
  EXPECT_EQ(refusal_of(request, kFront), 403);
}

TEST(Refusal, IsOfOtherMethodsAndLongAddresses) {
  WebRequest request = good();
  request.method = "POST";
  EXPECT_EQ(refusal_of(request, kFront), 405);
  request = good();
  request.target += std::string(70'000, 'x');
  EXPECT_EQ(refusal_of(request, kFront), 414);
}

TEST(Refusal, OfAUnixSocketGoesByTheTokenAlone) {
  WebRequest request = good();
  request.host = "anything";
  EXPECT_EQ(refusal_of(request, WebFront{.token = kFront.token, .any_host = true}), 0);
  request.target = "/";
  EXPECT_EQ(refusal_of(request, WebFront{.token = kFront.token, .any_host = true}), 403);
}

}  // namespace
}  // namespace heapglass
