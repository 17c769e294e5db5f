// Any bytes as the address of a server and as a file of headers: what is taken of them makes no second line
// of a request.
#include <algorithm>
#include <cstdint>
#include <string>

#include "lib/base/error.h"
#include "platform/serving/http_post.h"

namespace {

bool has_control(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapglass;
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const std::string& url : {text, "http://" + text}) {
    try {
      const HttpUrl found = parse_http_url(url, "--push");
      if (found.host.empty() || has_control(found.text()) || found.text().find(' ') != std::string::npos)
        __builtin_trap();
      if (parse_http_url(found.text(), "--push").text() != found.text()) __builtin_trap();
    } catch (const Error&) {
      // It is none.
    }
  }
  try {
    for (const auto& [name, value] : parse_http_headers(text, "headers"))
      if (name.empty() || has_control(name + value) || name.find_first_of(": ") != std::string::npos)
        __builtin_trap();
  } catch (const Error&) {
    // A line is none.
  }
  if (has_control(percent_encoded(text))) __builtin_trap();
  return 0;
}
