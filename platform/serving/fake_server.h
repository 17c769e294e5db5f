// A server of HTTP on a loopback port, for tests: answers each request with the bytes that it is told.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "platform/files/file_descriptor.h"

namespace heapglass {

class FakeServer {
 public:
  // Of a whole request, head and body. An empty one: it hangs up; kSilent: it says nothing and waits.
  using Answer = std::function<std::string(const std::string& request)>;
  static inline const std::string kSilent = "silent";

  explicit FakeServer(Answer answer)
      : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (bind(listener_.get(), reinterpret_cast<const sockaddr*>(&at), size) != 0 ||
        listen(listener_.get(), 8) != 0 ||
        getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0)
      throw std::runtime_error("no port of the loopback");
    port_ = std::to_string(ntohs(at.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  explicit FakeServer(const std::string& answer)
      : FakeServer([answer](const std::string&) { return answer; }) {}
  ~FakeServer() {
    ends_ = true;
    thread_.join();
  }

  const std::string& port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + port_; }
  std::vector<std::string> requests() const {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }

 private:
  bool can_read(int descriptor) const {
    for (pollfd ready{descriptor, POLLIN, 0}; !ends_;)
      if (poll(&ready, 1, 20) > 0) return true;
    return false;
  }
  std::string read_request(int connection) const {
    std::string text;
    std::size_t whole = std::string::npos;
    while (text.size() < whole && can_read(connection)) {
      char bytes[4096];
      const ssize_t n = recv(connection, bytes, sizeof bytes, 0);
      if (n <= 0) break;
      text.append(bytes, static_cast<std::size_t>(n));
      const std::size_t head = text.find("\r\n\r\n"), length = text.find("Content-Length: ");
      if (head != std::string::npos && length < head)
        whole = head + 4 + std::strtoull(text.c_str() + length + 16, nullptr, 10);
    }
    return text;
  }
  void serve() {
    while (can_read(listener_.get())) {
      const FileDescriptor connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      const std::string request = read_request(connection.get());
      {
        const std::scoped_lock lock(mutex_);
        requests_.push_back(request);
      }
      const std::string answer = answer_(request);
      if (answer == kSilent)
        (void)can_read(connection.get());
      else if (send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL) < 0)
        continue;
    }
  }

  Answer answer_;
  FileDescriptor listener_;
  std::string port_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

}  // namespace heapglass
