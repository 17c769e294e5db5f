// Where output goes. A file appears complete or not at all: it is written beside its place under an
// unpredictable name and renamed over it, so a link at its name is replaced, never followed. Devices, FIFOs
// and /dev/stdout are written directly. What another user could have put into a folder that all may write is
// refused: a FIFO, a device, a link on the way to the file.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/render/open_folder.h"
#include "lib/render/unfinished.h"

namespace heapglass {

constexpr mode_t kPrivate = 0600;  // of all that may hold values of the target

// What a new file may be read and written by, whatever the umask.
struct FileMode {
  FileMode(mode_t mode = kPrivate, bool was_asked = false) : bits(mode), asked(was_asked) {}
  mode_t bits;
  bool asked;  // by --mode: also where a file that is replaced had less
};

// The standard output's reader has what it wants and is gone, as `head` is: no failure of the answer.
struct OutputClosed : Error {
  using Error::Error;
};

enum class ColorChoice : std::uint8_t { kAuto, kAlways, kNever };

// What a terminal shows; of something else, nothing.
struct TerminalLook {
  std::size_t width = 0;  // columns
  bool color = false;
  bool unicode = false;
};

class Output {
 public:
  // "" or "-": the standard output.
  explicit Output(std::string path, FileMode mode = {});
  ~Output();  // removes what was not committed
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Throws Error{kFile} as soon as a write fails.
  std::ostream& stream() { return *stream_; }
  int descriptor() const;  // for who writes by itself: flush stream() before

  // Whether it may be written at any place in it: not a terminal, pipe or device.
  bool is_file() const;

  // Puts the file in its place. Without it nothing is left behind.
  void commit();

  bool is_terminal() const;
  std::size_t columns() const;                       // of the terminal; 0 when it is none
  TerminalLook look() const;                         // by NO_COLOR, TERM and the locale too
  const std::string& name() const { return name_; }  // for messages

 private:
  class Buffer;
  int make_file(FileMode mode);
  std::string path_, name_, temporary_;
  OpenFolder folder_;  // of the file
  Unfinished unfinished_;
  int place_ = -1;  // with the OutputKeeper, where that opens, renames and removes
  std::unique_ptr<Buffer> buffer_;
  std::unique_ptr<std::ostream> stream_;
};

// Throws the Error kFile that Output would, where that can be seen beforehand: the folder is not there, may
// not be written or is one itself. Nothing is opened or made, so that it can be asked before a process is
// stopped.
void check_output(const std::string& path);

// Once, early in main: a closed descriptor 0 to 2 stays taken, and end_cleanly_on_signals().
void prepare_output();

}  // namespace heapglass
