#include "lib/render/picture_file.h"

#include <fcntl.h>
#include <gvc.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ostream>
#include <thread>

#include "lib/render/dot.h"
#include "lib/render/drawing.h"
#include "lib/render/graphviz.h"
#include "lib/render/graphviz_context.h"
#include "lib/render/numbers.h"
#include "lib/render/svg.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

enum ChildExit { kDrawn = 0, kFailed = 1, kNoRenderer = 2, kNoFonts = 3 };
constexpr std::size_t kMessageBytes = 4096;
constexpr std::chrono::milliseconds kGrace(300);

struct Descriptor {
  int fd = -1;
  explicit Descriptor(int number) : fd(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  void close() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

int say(char* fragment) { return write(STDERR_FILENO, fragment, std::strlen(fragment)) < 0; }

bool write_all(int fd, const char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t written = write(fd, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes += written;
    count -= static_cast<std::size_t>(written);
  }
  return true;
}

// All of the child. It says what went wrong on its stderr, which the parent reads.
int draw_in_child(const Picture& picture, const std::string& format, PictureStyle style, int result) {
  agseterrf(say);
  GVC_t* context = graphviz_context();
  Graph graph = build_graph(picture, style);
  if (format == "png") graph_attribute(graph.get(), {"dpi", "110"});
  if (gvLayout(context, graph.get(), "dot") != 0) return kFailed;
  char* bytes = nullptr;
  unsigned size = 0;
  // gvRenderFilename and gvRender report success on a full disk: only memory is reliable.
  if (gvRenderData(context, graph.get(), format.c_str(), &bytes, &size) != 0 || !bytes) return kNoRenderer;
  if (size == 0 || !write_all(result, bytes, size)) return kFailed;
  const int status = format != "svg" && !has_fonts() ? kNoFonts : kDrawn;
  (void)graph.release();  // the child ends here
  return status;
}

[[noreturn]] void be_child(const Picture& picture, const std::string& format, PictureStyle style,
                           std::chrono::milliseconds deadline, int result, int messages) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGALRM}) std::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // Once confined the parent may signal nobody by number. A little later, so that it knows why.
  const auto last = std::chrono::duration_cast<std::chrono::microseconds>(deadline + kGrace).count();
  const itimerval timer = {{0, 0}, {last / 1'000'000, last % 1'000'000}};
  setitimer(ITIMER_REAL, &timer, nullptr);
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  int null = open("/dev/null", O_RDWR);
  if (null < 0) null = open("/dev/null", O_RDONLY);  // where nothing may be written
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  dup2(messages, STDERR_FILENO);
  try {
    _exit(draw_in_child(picture, format, style, result));
  } catch (...) {
    _exit(kFailed);
  }
}

pid_t start_child(const Picture& picture, const std::string& format, PictureStyle style,
                  std::chrono::milliseconds deadline, int result, int messages) {
  // Until the child has taken the handlers back it must not run ours, which remove the parent's files.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t child = fork();
  if (child == 0) be_child(picture, format, style, deadline, result, messages);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  return child;
}

// What the child said until it ended. False: it has not ended in time.
bool listen(int messages, std::chrono::milliseconds deadline, std::string& said) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + deadline;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return false;
    pollfd wait = {messages, POLLIN, 0};
    const int ready = poll(&wait, 1, static_cast<int>(std::min<long long>(left, 1'000'000)));
    if (ready <= 0) continue;
    char bytes[1024];
    const ssize_t count = read(messages, bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return true;
    said.append(bytes, std::min<std::size_t>(static_cast<std::size_t>(count), kMessageBytes - said.size()));
  }
}

int reap(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// One that has not ended in time: by a signal, or by its own timer. One that has put off its timer ends with
// us.
void end(pid_t child) {
  kill(child, SIGKILL);
  const auto until = std::chrono::steady_clock::now() + 4 * kGrace;
  while (waitpid(child, nullptr, WNOHANG) == 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

std::string contents(int fd) {
  const off_t size = lseek(fd, 0, SEEK_END);
  std::string bytes(size > 0 ? static_cast<std::size_t>(size) : 0, '\0');
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t count = pread(fd, bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    at += static_cast<std::size_t>(count);
  }
  bytes.resize(at);
  return bytes;
}

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return printable(text);
}

void check_size(const Picture& picture, const RenderOptions& options, Warnings& warnings) {
  const std::size_t count = picture.nodes.size();
  if (count > kTooManyNodes && !options.force) {
    throw Error(
        ErrorKind::kUsage,
        "a picture of " + grouped(std::uint64_t{count}) + " objects would take minutes and be unreadable",
        "ask for fewer (--max-depth, --too-many), write DOT (-o FILE.dot), or --force it");
  }
  if (count > kManyNodes) {
    warnings.push_back("a picture of " + grouped(std::uint64_t{count}) +
                       " objects is hard to read: --max-depth and --too-many make it smaller");
  }
}

const char* const kDotHint = "write DOT instead (-o FILE.dot) and draw it elsewhere";

Warnings render_picture(const Document& document, const char* format, const RenderOptions& options,
                        std::ostream& out) {
  Warnings warnings;
  out << draw(picture_of(document, format), format, options, warnings);
  return warnings;
}

}  // namespace

std::string draw(const Picture& picture, std::string_view format, const RenderOptions& options,
                 Warnings& warnings) {
  const std::string name(format);
  check_size(picture, options, warnings);
  Descriptor result(memfd_create("heapglass-picture", MFD_CLOEXEC));
  int ends[2];
  if (result.fd < 0 || pipe2(ends, O_CLOEXEC) != 0) {
    throw PictureError(ErrorKind::kFile, "cannot draw " + name + ": " + std::strerror(errno), kDotHint);
  }
  Descriptor reading(ends[0]), writing(ends[1]);
  const pid_t child =
      start_child(picture, name, options.style, options.picture_deadline, result.fd, writing.fd);
  if (child < 0)
    throw PictureError(ErrorKind::kFile, "cannot draw " + name + ": " + std::strerror(errno), kDotHint);
  writing.close();

  std::string said;
  const bool ended = listen(reading.fd, options.picture_deadline, said);
  if (!ended) {
    end(child);
    throw PictureError(ErrorKind::kFile,
                       "Graphviz did not lay out " + grouped(std::uint64_t{picture.nodes.size()}) +
                           " objects within " +
                           human_milliseconds(static_cast<double>(options.picture_deadline.count())),
                       kDotHint);
  }
  const int status = reap(child);
  const std::string message = said.empty() ? "" : ": " + one_line(said);
  if (WIFSIGNALED(status)) {
    throw PictureError(
        ErrorKind::kFile,
        "Graphviz crashed drawing " + name + " (" + strsignal(WTERMSIG(status)) + ")" + message, kDotHint);
  }
  if (WEXITSTATUS(status) == kNoRenderer) {
    throw PictureError(ErrorKind::kFile, "Graphviz has no renderer for " + name + " here" + message,
                       "install libgvc6 with its pango plugin, or use svg or dot");
  }
  if (WEXITSTATUS(status) != kDrawn && WEXITSTATUS(status) != kNoFonts) {
    throw PictureError(ErrorKind::kFile, "Graphviz could not draw " + name + message, kDotHint);
  }
  if (WEXITSTATUS(status) == kNoFonts) {
    warnings.push_back(
        "no font is installed, so the picture's text is empty boxes: install fonts-dejavu-core, or "
        "use svg, which takes the viewer's fonts");
  }
  if (!said.empty()) warnings.push_back("Graphviz: " + one_line(said));
  std::string bytes = contents(result.fd);
  if (name == "svg" && options.style == PictureStyle::kDefault) bytes = with_dark_mode(std::move(bytes));
  return bytes;
}

bool can_draw() { return true; }

std::vector<std::string> files_of_drawing() {
  std::vector<std::string> files = files_of_graphviz();
  files.emplace_back("/dev/null");  // the standard streams of who draws
  return files;
}

Warnings render_svg(const Document& document, const RenderOptions& options, std::ostream& out) {
  return render_picture(document, "svg", options, out);
}
Warnings render_png(const Document& document, const RenderOptions& options, std::ostream& out) {
  return render_picture(document, "png", options, out);
}
Warnings render_pdf(const Document& document, const RenderOptions& options, std::ostream& out) {
  return render_picture(document, "pdf", options, out);
}

}  // namespace heapglass
