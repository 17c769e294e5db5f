#include "platform/serving/page_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "lib/base/error.h"
#include "platform/confinement/confine.h"
#include "platform/serving/frames.h"
#include "platform/serving/web_front.h"

namespace heapglass {
namespace {

std::string new_token() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw Error(ErrorKind::kUsage,
                "no random bytes for the page's token: " + std::string(std::strerror(errno)));
  std::string token;
  for (const unsigned char byte : bytes) {
    token += "0123456789abcdef"[byte >> 4];
    token += "0123456789abcdef"[byte & 15];
  }
  return token;
}

[[noreturn]] void refuse(const std::string& place, const std::string& hint) {
  throw Error(ErrorKind::kUsage, "cannot listen at " + place + ": " + std::strerror(errno), hint);
}

FileDescriptor listen_on_port(std::uint16_t& port) {
  FileDescriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!listener || bind(listener.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      listen(listener.get(), 16) != 0)
    refuse("127.0.0.1:" + std::to_string(port), "give another --port, or none: a free one is taken then");
  socklen_t size = sizeof at;
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&at), &size);
  port = ntohs(at.sin_port);
  return listener;
}

FileDescriptor listen_on_socket(const std::string& path) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path.size() >= sizeof at.sun_path) {
    errno = ENAMETOOLONG;
    refuse(path, "give a path of at most " + std::to_string(sizeof at.sun_path - 1) + " bytes");
  }
  std::memcpy(at.sun_path, path.data(), path.size());
  FileDescriptor listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const mode_t before = umask(0177);  // for its owner alone, from the first moment
  const bool bound = listener && bind(listener.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  umask(before);
  if (!bound || listen(listener.get(), 16) != 0)
    refuse(path, "give the path of a file that is not there yet");
  return listener;
}

}  // namespace

PageServer::PageServer(const Where& where) : socket_(where.socket) {
  const std::string token = new_token();
  std::uint16_t port = where.port;
  const FileDescriptor listener =
      where.socket.empty() ? listen_on_port(port) : listen_on_socket(where.socket);
  address_ = where.socket.empty() ? "http://127.0.0.1:" + std::to_string(port) + "/" + token + "/"
                                  : where.socket + " (path /" + token + "/)";
  int questions[2], answers[2];
  if (pipe2(questions, O_CLOEXEC) != 0 || pipe2(answers, O_CLOEXEC) != 0)
    throw Error(ErrorKind::kUsage, "no pipe for the page's server: " + std::string(std::strerror(errno)));
  FileDescriptor ask(questions[1]), hear(answers[0]);
  questions_ = FileDescriptor(questions[0]);
  answers_ = FileDescriptor(answers[1]);
  signal(SIGPIPE, SIG_IGN);  // the browser, or the server, may be gone when it is answered
  pid_ = fork();
  if (pid_ < 0)
    throw Error(ErrorKind::kUsage, "no process for the page's server: " + std::string(std::strerror(errno)));
  if (pid_ > 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  questions_ = FileDescriptor();
  answers_ = FileDescriptor();
  if (const std::string why = confine({}, true); !why.empty())
    std::fprintf(stderr, "heapglass: the page's server keeps rights that it does not need: %s\n",
                 why.c_str());
  _exit(serve_web({.listener = listener.get(),
                   .questions = ask.get(),
                   .answers = hear.get(),
                   .token = token,
                   .any_host = !where.socket.empty(),
                   .ends_with_browser = where.ends_with_browser}));
}

PageServer::~PageServer() {
  // It ends with the pipes.
  questions_ = FileDescriptor();
  answers_ = FileDescriptor();
  if (!socket_.empty()) unlink(socket_.c_str());
}

std::optional<std::string> PageServer::next() const { return read_frame(questions_.get(), kLongestQuestion); }

void PageServer::answer(const PageAnswer& answer) const {
  write_frame(answers_.get(), std::to_string(answer.status));
  write_frame(answers_.get(), answer.type);
  write_frame(answers_.get(), answer.body);
}

}  // namespace heapglass
