#include "platform/serving/web_front.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include "platform/files/file_descriptor.h"
#include "platform/serving/frames.h"

namespace heapglass {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr int kMostConnections = 32;
constexpr std::chrono::milliseconds kRequestWithin{10'000};
constexpr std::chrono::seconds kPing{5}, kGoneAfter{12};
constexpr std::uint32_t kLongestHead = 80 << 10;  // bytes: a question, and what browsers send with it

// As long as each other, so that the time says nothing of where they differ.
bool is_token(std::string_view given, std::string_view token) {
  if (given.size() != token.size()) return false;
  unsigned differing = 0;
  for (std::size_t i = 0; i < token.size(); ++i)
    differing |=
        static_cast<unsigned>(static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(token[i]));
  return differing == 0;
}

// "127.0.0.1" of "127.0.0.1:40123".
std::string_view without_port(std::string_view host) {
  const std::size_t end = host.starts_with('[') ? host.find(']') + 1 : host.find(':');
  return host.substr(0, end);
}

bool send_all(int connection, std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd can_write{connection, POLLOUT, 0};
    if (poll(&can_write, 1, static_cast<int>(kRequestWithin.count())) <= 0) return false;
    const ssize_t n = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// The head of one request; nullopt where none comes in time, or it is none.
std::optional<WebRequest> read_request(int connection) {
  const auto end = std::chrono::steady_clock::now() + kRequestWithin;
  http::request_parser<http::empty_body> parser;
  parser.header_limit(kLongestHead);
  parser.body_limit(0);
  beast::flat_buffer buffer(kLongestHead + 4096);
  while (!parser.is_header_done()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd can_read{connection, POLLIN, 0};
    if (left.count() <= 0 || poll(&can_read, 1, static_cast<int>(left.count())) <= 0) return std::nullopt;
    if (buffer.size() == buffer.max_size()) return std::nullopt;
    const auto room = buffer.prepare(std::min<std::size_t>(4096, buffer.max_size() - buffer.size()));
    const ssize_t n = recv(connection, room.data(), room.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return std::nullopt;
    buffer.commit(static_cast<std::size_t>(n));
    beast::error_code error;
    buffer.consume(parser.put(buffer.data(), error));
    if (error && error != http::error::need_more) return std::nullopt;
  }
  const auto& head = parser.get();
  const auto text = [](beast::string_view view) { return std::string(view.data(), view.size()); };
  return WebRequest{text(head.method_string()), text(head.target()), text(head[http::field::host]),
                    text(head[http::field::origin]), text(head["Sec-Fetch-Site"])};
}

std::string head_of(int status, std::string_view type, std::optional<std::size_t> length) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(status));
  std::string head =
      "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason.data(), reason.size()) +
      "\r\nContent-Type: " + std::string(type) +
      "\r\nConnection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff"
      "\r\nReferrer-Policy: no-referrer\r\nX-Frame-Options: DENY"
      "\r\nCross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n";
  if (length) head += "Content-Length: " + std::to_string(*length) + "\r\n";
  return head + "\r\n";
}

void refuse(int connection, int status) {
  const std::string_view why =
      status == 403
          ? "heapglass: this address has not the token that heapglass ui has printed, or comes from another "
            "page: open the address as it was printed\n"
      : status == 404 ? "heapglass: there is no such page\n"
      : status == 405 ? "heapglass: only GET is answered\n"
      : status == 414 ? "heapglass: the address is too long\n"
      : status == 503 ? "heapglass: too many connections at a time\n"
                      : "heapglass: this is no request of HTTP that is understood\n";
  send_all(connection, head_of(status, "text/plain; charset=utf-8", why.size()) + std::string(why));
}

class Front {
 public:
  explicit Front(const WebFront& front) : front_(front) {}

  int serve() {
    std::thread([this] { watch_browser(); }).detach();
    while (true) {
      FileDescriptor connection(accept4(front_.listener, nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));  // out of descriptors: some will close
        continue;
      }
      if (connections_ >= kMostConnections) {
        refuse(connection.get(), 503);
        continue;
      }
      ++connections_;
      std::thread([this, owned = std::move(connection)] {
        handle(owned.get());
        --connections_;
      }).detach();
    }
  }

 private:
  void handle(int connection) {
    const auto request = read_request(connection);
    if (!request) return refuse(connection, 400);
    if (const int status = refusal_of(*request, front_)) return refuse(connection, status);
    const std::string question = request->target.substr(1 + front_.token.size());
    if (question == "/alive") return stay(connection);
    const std::lock_guard lock(asking_);
    std::optional<std::string> status, type, body;
    if (!write_frame(front_.questions, question) || !(status = read_frame(front_.answers, 16)) ||
        !(type = read_frame(front_.answers, 256)) || !(body = read_frame(front_.answers, kLongestAnswer)))
      _exit(0);  // who answers has ended
    if (send_all(connection, head_of(std::atoi(status->c_str()), *type, body->size())))
      send_all(connection, *body);
  }

  // An open page has one of these: where none is left the browser is gone. And the page is told when we are.
  void stay(int connection) {
    ++pages_;
    bool open = send_all(connection, head_of(200, "text/event-stream", std::nullopt));
    while (open) {
      pollfd hangs_up{connection, POLLIN, 0};
      constexpr auto kWait = std::chrono::duration_cast<std::chrono::milliseconds>(kPing);
      open = poll(&hangs_up, 1, static_cast<int>(kWait.count())) == 0 && send_all(connection, ": here\n\n");
    }
    was_open_ = true;
    --pages_;
  }

  void watch_browser() {
    auto last_seen = std::chrono::steady_clock::now();
    while (true) {
      pollfd gone{front_.answers, 0, 0};
      if (poll(&gone, 1, 1000) > 0 && gone.revents & (POLLHUP | POLLERR)) _exit(0);
      const auto now = std::chrono::steady_clock::now();
      if (pages_ > 0 || connections_ > 0 || !was_open_) last_seen = now;
      if (front_.ends_with_browser && now - last_seen > kGoneAfter) _exit(0);
    }
  }

  const WebFront& front_;
  std::mutex asking_;
  std::atomic<int> connections_{0}, pages_{0};
  std::atomic<bool> was_open_{false};
};

}  // namespace

int refusal_of(const WebRequest& request, const WebFront& front) {
  // A page elsewhere whose name leads to this machine is another host to the browser.
  const std::string_view host = without_port(request.host);
  if (!front.any_host && host != "127.0.0.1" && host != "localhost") return 403;
  if (!request.origin.empty() && request.origin != "http://" + request.host) return 403;
  if (!request.fetch_site.empty() && request.fetch_site != "same-origin" && request.fetch_site != "none")
    return 403;
  const std::string_view target = request.target;
  const std::size_t end = target.find('/', 1);
  if (!target.starts_with('/') ||
      !is_token(target.substr(1, end == target.npos ? end : end - 1), front.token))
    return 403;
  if (end == target.npos) return 404;
  if (request.method != "GET") return 405;
  if (target.size() > kLongestQuestion) return 414;
  return 0;
}

int serve_web(const WebFront& front) { return Front(front).serve(); }

}  // namespace heapglass
