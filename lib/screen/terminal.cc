#include "lib/screen/terminal.h"

#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1
#include <curses.h>
#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
// Macros of <term.h>.
#undef columns
#undef lines

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>

#include "lib/base/error.h"
#include "lib/render/terminal_restore.h"

namespace heapglass {
namespace {

// What terminals of ANSI X3.64 have in common, for hosts without a terminfo database, a bare root for
// instance, and for terminals that it does not have. Made by `tic -x` and `infocmp -0 -Q2 -q` from:
//   heapglass-ansi|what terminals of ANSI X3.64 have in common,
//     am, mir, msgr, xenl, colors#8, cols#80, it#8, lines#24, pairs#64,
//     bold=\E[1m, clear=\E[H\E[J, cr=\r, cub1=^H, cud1=\n, cuf1=\E[C, cuu1=\E[A,
//     cup=\E[%i%p1%d;%p2%dH, home=\E[H, ed=\E[J, el=\E[K, ind=\n,
//     civis=\E[?25l, cnorm=\E[?25h, smcup=\E[?1049h, rmcup=\E[?1049l,
//     kbs=^?, kcub1=\E[D, kcud1=\E[B, kcuf1=\E[C, kcuu1=\E[A,
//     khome=\E[H, kend=\E[F, knp=\E[6~, kpp=\E[5~,
//     op=\E[39;49m, rev=\E[7m, sgr0=\E[m, setab=\E[4%p1%dm, setaf=\E[3%p1%dm,
constexpr char kBuiltInName[] = "heapglass-ansi";
constexpr char kBuiltIn[] =
    "b64:GgE7AA8ADwBpAaMAaGVhcGdsYXNzLWFuc2l8d2hhdCB0ZXJtaW5hbHMgb2YgQU5TSSBYMy42NCBoYXZlIGluIGNvbW1vbgAA"
    "AQAAAQAAAAAAAAAAAQFQAAgAGAD__________________________wgAQAD_____AAD_____AgAJAA0A_____xEAIgAkACgALwD_"
    "_zEAOAD__zwA__________________9AAEUA_____________04A__________9TAFcA________________________________"
    "_____2AA_____________2IA_____________________________________2YA_____2oA__9uAHMAeAD_______98AP______"
    "____________________________________________________________________________________________________"
    "__-AAP__________________________________________________________________________________________ggD_"
    "____________________________________________________________________________________________________"
    "____________________________________________________________________________________________________"
    "____________________________________________________________________________________________________"
    "__________________________________________________-GAP______________________________________________"
    "____________________________________________________________________________________________________"
    "________________jwCZAA0AG1tIG1tKABtbSwAbW0oAG1slaSVwMSVkOyVwMiVkSAAKABtbSAAbWz8yNWwACAAbWz8yNWgAG1tD"
    "ABtbQQAbWzFtABtbPzEwNDloABtbN20AG1ttABtbPzEwNDlsAH8AG1tCABtbSAAbW0QAG1s2fgAbWzV-ABtbQwAbW0EACgAbW0YA"
    "G1szOTs0OW0AG1szJXAxJWRtABtbNCVwMSVkbQA=";

std::atomic<int> g_wake{-1};  // the pipe's end for wake()

// For restore(), which a signal handler may call: all of it is there before the terminal is changed.
struct Saved {
  pid_t owner = 0;
  termios modes{};
  std::array<char, 128> ends{};  // what takes the screen, the colours and the hidden cursor back
  std::size_t length = 0;
};
Saved g_saved;

void restore() {
  if (getpid() != g_saved.owner) return;  // a child of ours that ends
  // From the background this would stop us.
  signal(SIGTTOU, SIG_IGN);
  if (write(STDOUT_FILENO, g_saved.ends.data(), g_saved.length) < 0) {
    // The terminal is gone.
  }
  tcsetattr(STDIN_FILENO, TCSANOW, &g_saved.modes);
}

// A capability without its padding, which no terminal of this century needs.
void append_capability(const char* name) {
  const char* const text = tigetstr(name);
  if (!text || text == reinterpret_cast<const char*>(-1)) return;
  for (const char* at = text; *at && g_saved.length < g_saved.ends.size();) {
    if (at[0] == '$' && at[1] == '<') {
      const char* const end = std::strchr(at, '>');
      if (end) {
        at = end + 1;
        continue;
      }
    }
    g_saved.ends[g_saved.length++] = *at++;
  }
}

bool wants_utf8() {
  setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0) return true;
  // A bare root has no locale but the built-in ones.
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* const value = std::getenv(name);
    if (!value || !*value) continue;
    const std::string_view locale = value;
    const bool asks = locale.ends_with("UTF-8") || locale.ends_with("utf8") || locale.ends_with("utf-8");
    return asks && setlocale(LC_CTYPE, "C.UTF-8");
  }
  return false;
}

bool is_usable() {
  int error = 0;
  const char* const name = std::getenv("TERM");
  if (setupterm(name && *name ? name : "unknown", STDOUT_FILENO, &error) != OK) return false;
  const char* const place = tigetstr("cup");
  return place && place != reinterpret_cast<const char*>(-1);
}

attr_t attributes_of(Style style, bool color) {
  switch (style) {
    case Style::kTitle:
    case Style::kSelected:
      return A_REVERSE;
    case Style::kHeading:
    case Style::kNotice:
      return A_BOLD;
    case Style::kDim:
      return color ? A_DIM : A_NORMAL;
    default:
      return A_NORMAL;
  }
}

short color_of(Style style) {
  switch (style) {
    case Style::kNotice:
      return COLOR_YELLOW;
    case Style::kGrowing:
      return COLOR_RED;
    case Style::kPart0:
      return COLOR_BLUE;
    case Style::kPart1:
      return COLOR_CYAN;
    case Style::kPart2:
      return COLOR_RED;
    case Style::kPart3:
      return COLOR_GREEN;
    case Style::kPart4:
      return COLOR_MAGENTA;
    case Style::kPart5:
      return COLOR_YELLOW;
    default:
      return -1;
  }
}

Key::Kind kind_of(wint_t code) {
  switch (code) {
    case KEY_UP:
      return Key::kUp;
    case KEY_DOWN:
      return Key::kDown;
    case KEY_LEFT:
      return Key::kLeft;
    case KEY_RIGHT:
      return Key::kRight;
    case KEY_PPAGE:
      return Key::kPageUp;
    case KEY_NPAGE:
      return Key::kPageDown;
    case KEY_HOME:
      return Key::kHome;
    case KEY_END:
      return Key::kEnd;
    case KEY_ENTER:
      return Key::kEnter;
    case KEY_BACKSPACE:
      return Key::kBackspace;
    default:
      return Key::kNone;
  }
}

}  // namespace

struct Terminal::Screen {
  SCREEN* screen = nullptr;
  bool utf8 = false, color = false, closed = false;
  int wake_read = -1, wake_write = -1;
};

Terminal::Terminal(ColorChoice color, const std::string& instead) : screen_(std::make_unique<Screen>()) {
  if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1)
    throw Error(ErrorKind::kUsage, "top needs a terminal as its standard input and output", instead);
  screen_->utf8 = wants_utf8();
  if (!is_usable()) {
    const char* const name = std::getenv("TERM");
    const std::string asked = name ? name : "";
    if (asked.empty() || asked == "dumb")
      throw Error(ErrorKind::kUsage,
                  asked.empty() ? "top cannot place text: TERM is not set"
                                : "top cannot place text on the terminal '" + asked + "'",
                  instead);
    setenv("TERM", kBuiltInName, 1);
    setenv("TERMINFO", kBuiltIn, 1);
    if (!is_usable())
      throw Error(ErrorKind::kUsage, "there is no description of the terminal '" + asked + "'", instead);
  }
  g_saved = {};
  g_saved.owner = getpid();
  if (tcgetattr(STDIN_FILENO, &g_saved.modes) != 0)
    throw Error(ErrorKind::kUsage,
                std::string("the terminal does not tell its modes: ") + std::strerror(errno), instead);
  for (const char* each : {"sgr0", "op", "cnorm", "rmcup"}) append_capability(each);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    throw Error(ErrorKind::kUnreachable, std::string("cannot make a pipe: ") + std::strerror(errno));
  screen_->wake_read = ends[0];
  screen_->wake_write = ends[1];
  g_wake = ends[1];

  set_terminal_restore(restore);
  screen_->screen = newterm(nullptr, stdout, stdin);
  if (!screen_->screen) {
    restore_terminal();
    throw Error(ErrorKind::kUsage, "the terminal cannot be used as a screen", instead);
  }
  cbreak();
  noecho();
  nonl();
  intrflush(stdscr, false);
  keypad(stdscr, true);
  nodelay(stdscr, true);
  set_escdelay(100);
  curs_set(0);
  const char* const none = std::getenv("NO_COLOR");
  const bool wanted = color == ColorChoice::kAlways || (color == ColorChoice::kAuto && !(none && *none));
  screen_->color = wanted && has_colors();
  if (screen_->color) {
    start_color();
    use_default_colors();
    for (int i = 0; i < kStyles; ++i)
      init_pair(static_cast<short>(i + 1), color_of(static_cast<Style>(i)), -1);
  }
}

Terminal::~Terminal() {
  endwin();
  delscreen(screen_->screen);
  restore_terminal();
  g_wake = -1;
  close(screen_->wake_read);
  close(screen_->wake_write);
}

ScreenSize Terminal::size() const {
  return {static_cast<std::size_t>(std::max(getmaxx(stdscr), 1)),
          static_cast<std::size_t>(std::max(getmaxy(stdscr), 1))};
}

ScreenText Terminal::text() const { return {.utf8 = screen_->utf8}; }

void Terminal::put(const std::vector<ScreenLine>& lines) {
  erase();
  const int height = getmaxy(stdscr);
  for (int y = 0; y < height && y < static_cast<int>(lines.size()); ++y) {
    move(y, 0);
    // What a line before had more than it should is not there either.
    clrtoeol();
    for (const StyledText& each : lines[static_cast<std::size_t>(y)]) {
      const auto pair = static_cast<short>(screen_->color ? static_cast<int>(each.style) + 1 : 0);
      attr_set(attributes_of(each.style, screen_->color), pair, nullptr);
      addnstr(each.text.c_str(), static_cast<int>(each.text.size()));
    }
  }
  attr_set(A_NORMAL, 0, nullptr);
  refresh();
}

Key Terminal::key() {
  if (screen_->closed) return {Key::kClosed};
  wint_t code = 0;
  const int got = wget_wch(stdscr, &code);
  if (got == KEY_CODE_YES) return {kind_of(code)};
  if (got != OK) return {};
  switch (code) {
    case '\r':
    case '\n':
      return {Key::kEnter};
    case '\t':
      return {Key::kTab};
    case 27:
      return {Key::kEscape};
    case 8:
    case 127:
      return {Key::kBackspace};
    default:
      return code < 32 ? Key{} : Key{Key::kCharacter, static_cast<char32_t>(code)};
  }
}

void Terminal::wait(std::chrono::milliseconds longest) {
  pollfd both[] = {{STDIN_FILENO, POLLIN, 0}, {screen_->wake_read, POLLIN, 0}};
  if (poll(both, 2, static_cast<int>(longest.count())) <= 0) return;
  if (both[0].revents & (POLLHUP | POLLERR | POLLNVAL)) screen_->closed = true;
  char bytes[64];
  while (read(screen_->wake_read, bytes, sizeof bytes) > 0) {
  }
}

void Terminal::wake() noexcept {
  const int error = errno;
  const int fd = g_wake;
  if (fd >= 0 && write(fd, "", 1) < 0) {
    // It is full: it wakes all the same.
  }
  errno = error;
}

void Terminal::suspend() {
  endwin();
  raise(SIGSTOP);
  refresh();
  resized();
}

void Terminal::resized() {
  winsize now{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) == 0 && now.ws_row > 0 && now.ws_col > 0)
    resizeterm(now.ws_row, now.ws_col);
  clearok(curscr, true);
}

}  // namespace heapglass
