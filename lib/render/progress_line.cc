#include "lib/render/progress_line.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "lib/render/terminal_restore.h"

namespace heapglass {
namespace {

constexpr std::chrono::milliseconds kShownAfter{1000}, kEvery{250};
constexpr std::string_view kErase = "\r\033[K";

std::atomic<bool> g_is_shown{false};

void write_to_terminal(std::string_view text) {
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) {
    // A terminal that is gone shows no progress.
  }
}

void erase_line() noexcept {
  if (g_is_shown.exchange(false)) write_to_terminal(kErase);
}

std::size_t columns_of_terminal() {
  winsize size = {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

// Messages of this program stand where the line was, which does not come again after them.
class BeforeMessages : public std::streambuf {
 public:
  explicit BeforeMessages(std::streambuf* to) : to_(to) {}

 protected:
  int overflow(int c) override {
    end_progress_line();
    return c == EOF ? to_->pubsync() : to_->sputc(static_cast<char>(c));
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    end_progress_line();
    return to_->sputn(text, size);
  }
  int sync() override { return to_->pubsync(); }

 private:
  std::streambuf* const to_;
};

class LineThread {
 public:
  explicit LineThread(std::size_t columns) : columns_(columns), thread_([this] { run(); }) {}
  ~LineThread() {
    {
      const std::lock_guard lock(mutex_);
      ends_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, kEvery, [this] { return ends_; })) {
      const Progress now = progress();
      if (now.elapsed_ms < static_cast<std::uint64_t>(kShownAfter.count())) continue;
      g_is_shown = true;
      write_to_terminal(std::string(kErase) + progress_text(now, columns_));
    }
  }

  const std::size_t columns_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ends_ = false;
  std::thread thread_;
};

LineThread* g_line = nullptr;  // of the thread that runs the command

// A forked process has no such thread, and its parent the terminal.
void forget_line() {
  g_line = nullptr;
  g_is_shown = false;
}

bool may_be_shown() {
  const char* const terminal = std::getenv("TERM");
  return isatty(STDERR_FILENO) && terminal && std::string_view(terminal) != "dumb";
}

std::string time_left(std::uint64_t ms) {
  const std::uint64_t seconds = (ms + 999) / 1000;
  if (seconds < 100) return std::to_string(seconds) + " s";
  return std::to_string((seconds + 59) / 60) + " min";
}

}  // namespace

std::string progress_text(const Progress& progress, std::size_t columns) {
  std::string text = "heapglass: ";
  if (progress.rounds)
    text += std::to_string(progress.round) + " of " + std::to_string(progress.rounds);
  else
    text += words_for(progress.stage);
  text += progress.left_ms ? ", about " + time_left(*progress.left_ms) + " left"
                           : ", " + std::to_string(progress.elapsed_ms / 1000) + " s so far";
  if (text.size() >= columns) text.resize(columns ? columns - 1 : 0);  // a full line would scroll
  return text;
}

void start_progress_line() {
  if (g_line || !has_progress() || !may_be_shown()) return;
  static const bool prepared = [] {
    pthread_atfork(nullptr, nullptr, forget_line);
    static BeforeMessages before(std::cerr.rdbuf());
    std::cerr.rdbuf(&before);
    return true;
  }();
  (void)prepared;
  try {
    g_line = new LineThread(columns_of_terminal());
    set_terminal_restore(erase_line);
  } catch (const std::system_error&) {
    // No memory for a thread is told by who needs one.
  }
}

void end_progress_line() {
  if (!g_line) return;
  delete std::exchange(g_line, nullptr);
  set_terminal_restore(nullptr);
  erase_line();
}

}  // namespace heapglass
