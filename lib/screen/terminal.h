// The terminal as a screen, by ncurses: raw keys in, lines out. As it was before on every way out, signals
// and crashes among them (lib/render/terminal_restore.h).
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "lib/render/output.h"
#include "lib/screen/screen.h"
#include "lib/screen/top_state.h"

namespace heapglass {

class Terminal {
 public:
  // Throws Error kUsage where the standard input or output is no terminal, or one that cannot place text.
  // kAuto: colours unless NO_COLOR is set or the terminal has none. `instead`: what to use then.
  Terminal(ColorChoice color, const std::string& instead);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  ScreenSize size() const;
  ScreenText text() const;
  void put(const std::vector<ScreenLine>& lines);

  // A key that has been pressed; kNone: none waits.
  Key key();
  // Waits until a key waits, wake() is called, or the time is over.
  void wait(std::chrono::milliseconds longest);
  // From any thread, and from a signal handler.
  static void wake() noexcept;

  // The user asked to stop the program (Ctrl-Z): gives the terminal back until it goes on.
  void suspend();
  // SIGWINCH came.
  void resized();

 private:
  struct Screen;
  std::unique_ptr<Screen> screen_;
};

}  // namespace heapglass
