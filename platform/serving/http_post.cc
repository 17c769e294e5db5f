#include "platform/serving/http_post.h"

#include <fcntl.h>
#include <netdb.h>
#include <nss.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

#include "lib/base/error.h"
#include "platform/files/file_descriptor.h"

namespace heapglass {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostHeaders = 32, kLongestHeader = 8 << 10;  // of a file
constexpr std::uint32_t kLongestHead = 32 << 10;                    // of an answer, as its body
constexpr std::size_t kLongestWords = 2000;

bool is_token(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// What heapglass itself says of the message.
bool is_of_the_message(const std::string& name) {
  for (const std::string_view own : {"host", "content-length", "content-type", "content-encoding",
                                     "transfer-encoding", "connection", "expect"})
    if (name == own) return true;
  return false;
}

// A wait that ends at a moment.
class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds within) : end_(Clock::now() + within) {}
  // False: it is over.
  bool wait(int descriptor, short what) const {
    while (true) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end_ - Clock::now());
      if (left.count() <= 0) return false;
      pollfd ready{descriptor, what, 0};
      const int found = poll(&ready, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
      if (found > 0) return true;
      if (found < 0 && errno != EINTR) return false;
    }
  }

 private:
  Clock::time_point end_;
};

std::string in_seconds(std::chrono::milliseconds time) {
  return time.count() % 1000 ? std::to_string(time.count()) + " ms"
                             : std::to_string(time.count() / 1000) + " s";
}

// A connection to the first of its addresses that answers; invalid, and `why`, where none does.
FileDescriptor connect_to(const HttpUrl& url, const Deadline& deadline, std::chrono::milliseconds within,
                          std::string& why) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  // No other module of the system's: a static program could not load those of another C library.
  __nss_configure_lookup("hosts", "files dns");
  const int failed = getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &found);
  if (failed != 0) {
    why = "no address is known of '" + url.host + "': " + gai_strerror(failed);
    return {};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, freeaddrinfo);
  for (const addrinfo* each = found; each; each = each->ai_next) {
    FileDescriptor connection(
        socket(each->ai_family, each->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, each->ai_protocol));
    if (!connection) {
      why = std::strerror(errno);
      continue;
    }
    if (connect(connection.get(), each->ai_addr, each->ai_addrlen) == 0) return connection;
    int error = errno;
    if (error == EINPROGRESS) {
      if (!deadline.wait(connection.get(), POLLOUT)) {
        why = "there is no connection within " + in_seconds(within);
        return {};
      }
      socklen_t size = sizeof error;
      if (getsockopt(connection.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
      if (error == 0) return connection;
    }
    why = std::strerror(error);
  }
  return {};
}

// 0, an errno, or ETIMEDOUT.
int send_all(int connection, std::string_view bytes, const Deadline& deadline) {
  while (!bytes.empty()) {
    if (!deadline.wait(connection, POLLOUT)) return ETIMEDOUT;
    const ssize_t n = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

std::string text_of(beast::string_view view) { return std::string(view.data(), view.size()); }

// What comes, up to the end of the answer, of the connection, or of what is read of it.
class AnswerReader {
 public:
  AnswerReader(int connection, const Deadline& deadline, std::chrono::milliseconds within)
      : connection_(connection), deadline_(deadline), within_(within), buffer_(kLongestHead + 4096) {
    begin();
  }

  HttpAnswer read() {
    constexpr int kMostInterim = 8;
    int interim = 0;
    bool needs_more = true;
    while (!parser_->is_done() && !(needs_more && !fill())) {
      beast::error_code error;
      buffer_.consume(parser_->put(buffer_.data(), error));
      needs_more = true;
      const bool has_head = parser_->is_header_done();
      const unsigned status = has_head ? parser_->get().result_int() : 0;
      if (status / 100 == 1 && interim++ < kMostInterim) {
        begin();  // 100: the answer itself is still to come
        needs_more = buffer_.size() == 0;
        continue;
      }
      if (error && error != http::error::need_more && !has_head)
        answer_.failure = "what answers there is no server of HTTP";
      // What was taken needs no words.
      if ((error && error != http::error::need_more) || status / 100 == 2 ||
          (has_head && parser_->get().body().size() >= kLongestWords))
        break;
    }
    if (!parser_->is_header_done()) {
      if (answer_.failure.empty()) answer_.failure = "it hung up without an answer";
      return answer_;
    }
    answer_.failure.clear();
    answer_.status = static_cast<int>(parser_->get().result_int());
    answer_.words = parser_->get().body().substr(0, kLongestWords);
    if (answer_.words.empty()) answer_.words = text_of(parser_->get().reason()).substr(0, kLongestWords);
    answer_.location = text_of(parser_->get()[http::field::location]).substr(0, kLongestWords);
    return answer_;
  }

 private:
  void begin() {
    parser_.emplace();
    parser_->header_limit(kLongestHead);
    parser_->body_limit(kLongestHead);
    parser_->eager(true);
  }
  // False: nothing more is read.
  bool fill() {
    if (buffer_.size() >= buffer_.max_size()) return false;
    const auto room = buffer_.prepare(std::min<std::size_t>(4096, buffer_.max_size() - buffer_.size()));
    while (true) {
      if (!deadline_.wait(connection_, POLLIN)) {
        answer_.failure = "there is no answer within " + in_seconds(within_);
        return false;
      }
      const ssize_t n = recv(connection_, room.data(), room.size(), MSG_DONTWAIT);
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (n < 0) answer_.failure = std::strerror(errno);
      if (n <= 0) return false;
      buffer_.commit(static_cast<std::size_t>(n));
      return true;
    }
  }

  const int connection_;
  const Deadline& deadline_;
  const std::chrono::milliseconds within_;
  beast::flat_buffer buffer_;
  std::optional<http::response_parser<http::string_body>> parser_;
  HttpAnswer answer_;
};

std::string head_of(const HttpPost& post, std::size_t length) {
  const bool is_v6 = post.url.host.find(':') != std::string::npos;
  std::string head = "POST " + post.url.path + post.target +
                     " HTTP/1.1\r\nHost: " + (is_v6 ? "[" + post.url.host + "]" : post.url.host) + ":" +
                     post.url.port +
                     "\r\nUser-Agent: heapglass\r\nAccept: */*\r\nConnection: close"
                     "\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
                     std::to_string(length) + "\r\n";
  for (const auto& [name, value] : post.headers) head += name + ": " + value + "\r\n";
  return head + "\r\n";
}

}  // namespace

std::string HttpUrl::text() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return "http://" + (is_v6 ? "[" + host + "]" : host) + ":" + port + path;
}

HttpUrl parse_http_url(const std::string& text, const std::string& option) {
  constexpr std::string_view kHttp = "http://";
  const auto fail = [&](const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::kUsage, option + " " + what, hint);
  };
  if (lower(text.substr(0, 8)) == "https://")
    fail(
        "sends by http, not by https",
        "name a proxy of this machine that speaks https to the server, or write the file (-o heap.pb.gz) and "
        "send it with curl --data-binary");
  if (lower(text.substr(0, kHttp.size())) != kHttp)
    fail("'" + text + "' is no address of a server", "give http://HOST:PORT, such as http://pyroscope:4040");
  const std::string_view rest = std::string_view(text).substr(kHttp.size());
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  HttpUrl url;
  url.path = std::string(rest.substr(authority.size()));
  if (authority.find('@') != authority.npos)
    fail("has a user or a password in its address, which all users of this machine can see",
         "give a file of headers with a line 'Authorization: Basic ...'");
  if (url.path.find_first_of("?#") != std::string::npos)
    fail("'" + text + "' has a query behind its path",
         "give http://HOST:PORT/PATH: heapglass makes the query");
  const bool is_v6 = authority.starts_with('[');
  const std::size_t end = is_v6 ? authority.find(']') : authority.find(':');
  if (is_v6 && end == authority.npos) fail("'" + text + "' has a [ without a ]", "write http://[::1]:4040");
  url.host = std::string(is_v6 ? authority.substr(1, end - 1) : authority.substr(0, end));
  const std::string_view behind =
      end == authority.npos ? std::string_view() : authority.substr(is_v6 ? end + 1 : end);
  if (!behind.empty()) {
    unsigned port = 0;
    const auto [stop, error] = std::from_chars(behind.data() + 1, behind.data() + behind.size(), port);
    if (behind.front() != ':' || error != std::errc() || stop != behind.data() + behind.size() || port == 0 ||
        port > 65535)
      fail("'" + text + "' has no port from 1 to 65535 behind its host", "write http://HOST:PORT");
    url.port = std::to_string(port);
  }
  const auto is_odd = [](char c) { return is_control(c) || c == ' ' || c == '"' || c == '\\'; };
  if (url.host.empty() || url.host.size() > 255 || std::any_of(text.begin(), text.end(), is_odd))
    fail("'" + text + "' is no address of a server", "give http://HOST:PORT, such as http://pyroscope:4040");
  while (url.path.ends_with('/')) url.path.pop_back();
  return url;
}

HttpHeaders parse_http_headers(std::string_view text, const std::string& name) {
  HttpHeaders out;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view each = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!each.empty() && (each.back() == '\r' || each.back() == ' ')) each.remove_suffix(1);
    if (each.empty() || each.front() == '#') continue;
    const auto fail = [&](const char* what) {
      throw Error(ErrorKind::kUsage, name + ":" + std::to_string(line) + ": " + what,
                  "write 'Name: value', as 'Authorization: Bearer ...' or 'X-Scope-OrgID: ...'");
    };
    const std::size_t colon = each.find(':');
    if (colon == each.npos || colon == 0 ||
        !std::all_of(each.begin(), each.begin() + static_cast<std::ptrdiff_t>(colon), is_token))
      fail("this is no header of HTTP");
    std::string_view value = each.substr(colon + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    if (std::any_of(value.begin(), value.end(), is_control)) fail("the value has a control character");
    if (each.size() > kLongestHeader || out.size() >= kMostHeaders)
      fail("there are too many or too long headers");
    if (is_of_the_message(lower(each.substr(0, colon)))) fail("heapglass itself sends this header");
    out.emplace_back(each.substr(0, colon), value);
  }
  return out;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
      continue;
    }
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

HttpAnswer http_post(const HttpPost& post, std::string_view body, void (*before_reading)()) {
  const Deadline deadline(post.within);
  HttpAnswer answer;
  const FileDescriptor connection = connect_to(post.url, deadline, post.within, answer.failure);
  if (!connection) return answer;
  if (before_reading) before_reading();
  int failed = send_all(connection.get(), head_of(post, body.size()), deadline);
  if (failed == 0) failed = send_all(connection.get(), body, deadline);
  if (failed == ETIMEDOUT) {
    answer.failure = "it did not take the profile within " + in_seconds(post.within);
    return answer;
  }
  // Who refuses what is too long answers and hangs up before it has all of it.
  answer = AnswerReader(connection.get(), deadline, post.within).read();
  if (answer.status == 0 && failed != 0) answer.failure = std::strerror(failed);
  return answer;
}

}  // namespace heapglass
