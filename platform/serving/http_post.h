// One request of HTTP to a server that others run: bytes are sent, and what it answers is read, within a time
// and a length. No redirect is followed, no proxy is asked and nothing is sent a second time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heapglass {

struct HttpUrl {
  std::string host, port = "80";  // "pyroscope", "::1"; digits
  std::string path;               // without its last /: "" or "/profiles"
  std::string text() const;       // "http://[::1]:4040/profiles"
};
// Throws Error kUsage with what is wrong; `option` is for messages: "--push".
HttpUrl parse_http_url(const std::string& text, const std::string& option);

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;
// Lines "Name: value"; empty ones and those that begin with # are left out. Throws Error kUsage that names
// the line and not its value, which may be secret.
HttpHeaders parse_http_headers(std::string_view text, const std::string& name);

struct HttpPost {
  HttpUrl url;
  std::string target;  // behind the path of the URL: "/ingest?name=shop"
  HttpHeaders headers;
  std::chrono::milliseconds within{30'000};
};

struct HttpAnswer {
  int status = 0;  // 0: there is none, and `failure` says why
  std::string failure;
  std::string words,
      location;  // of what answers, as they come: the begin of its body, and where it redirects
};

// `before_reading` is called once the connection is there: all that follows is to write to it and to read
// what comes.
HttpAnswer http_post(const HttpPost& post, std::string_view body, void (*before_reading)() = nullptr);

// "a b/c" -> "a%20b%2Fc".
std::string percent_encoded(std::string_view text);

}  // namespace heapglass
