#include "platform/serving/push_sender.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "lib/base/error.h"
#include "platform/confinement/confine.h"
#include "platform/serving/frames.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kLongestProfile = 64 << 20, kLongestPart = 64 << 10;  // bytes

// Looking for a host's address has a time of its own, which may be longer.
void end_after(std::chrono::milliseconds time) {
  signal(SIGALRM, SIG_DFL);
  itimerval timer{};
  timer.it_value.tv_sec = time.count() / 1000;
  timer.it_value.tv_usec = time.count() % 1000 * 1000;
  setitimer(ITIMER_REAL, &timer, nullptr);
}

bool may_be_in_a_query(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("-._~%&=").find(c) != std::string_view::npos;
}

void confine_sender() { (void)confine({}, true); }

void serve(HttpPost post, int requests, int answers) {
  const auto query = read_frame(requests, kLongestPart);
  const auto body = read_frame(requests, kLongestProfile);
  if (!query || !body || !std::all_of(query->begin(), query->end(), may_be_in_a_query))
    return;  // there is nothing to send
  post.target += *query;
  end_after(post.within + std::chrono::milliseconds(500));
  const HttpAnswer answer = http_post(post, *body, confine_sender);
  for (const std::string& part :
       {std::to_string(answer.status), answer.failure, answer.words, answer.location})
    if (!write_frame(answers, part)) return;
}

}  // namespace

PushSender::PushSender(const HttpPost& post) : within_(post.within) {
  int requests[2], answers[2];
  if (pipe2(requests, O_CLOEXEC) != 0)
    throw Error(ErrorKind::kUnreachable, std::string("cannot make a pipe: ") + std::strerror(errno));
  const FileDescriptor hears(requests[0]);
  requests_ = FileDescriptor(requests[1]);
  if (pipe2(answers, O_CLOEXEC) != 0)
    throw Error(ErrorKind::kUnreachable, std::string("cannot make a pipe: ") + std::strerror(errno));
  answers_ = FileDescriptor(answers[0]);
  const FileDescriptor tells(answers[1]);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0)
    throw Error(ErrorKind::kUnreachable,
                std::string("cannot start the process that sends: ") + std::strerror(errno));
  if (pid_ > 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "heapglass-push");
  signal(SIGPIPE, SIG_IGN);
  requests_ = FileDescriptor();
  answers_ = FileDescriptor();
  if (getppid() == parent) serve(post, hears.get(), tells.get());
  _exit(0);
}

PushSender::~PushSender() {
  requests_ = FileDescriptor();
  answers_ = FileDescriptor();
  // It ends with the pipes, which other children may have open too; and with us in any case.
  for (int waited = 0; waited < 1000 && waitpid(pid_, nullptr, WNOHANG) == 0; ++waited) {
    const timespec nap{0, 1'000'000};
    nanosleep(&nap, nullptr);
  }
}

HttpAnswer PushSender::send(const std::string& query, const std::string& body) const {
  if (body.size() > kLongestProfile)
    return {.status = 0, .failure = "the profile is longer than 64 MB", .words = {}, .location = {}};
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &before);
  const bool is_sent = write_frame(requests_.get(), query) && write_frame(requests_.get(), body);
  sigaction(SIGPIPE, &before, nullptr);
  HttpAnswer answer;
  const auto part = [&](std::string& to) {
    auto read = read_frame(answers_.get(), kLongestPart);
    if (read) to = std::move(*read);
    return read.has_value();
  };
  std::string status;
  const auto began = std::chrono::steady_clock::now();
  if (!is_sent || !part(status) || !part(answer.failure) || !part(answer.words) || !part(answer.location))
    return {.status = 0,
            .failure = std::chrono::steady_clock::now() - began < within_
                           ? "the process that sends was ended"
                           : "there is no answer within " + std::to_string(within_.count()) + " ms",
            .words = {},
            .location = {}};
  answer.status = std::atoi(status.c_str());
  return answer;
}

}  // namespace heapglass
