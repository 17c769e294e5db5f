// Where output goes. A file appears complete or not at all: it is written beside its place under an
// unpredictable name and renamed over it, so a link at its name is replaced, never followed. Devices, FIFOs
// and /dev/stdout are written directly.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>

namespace heapglass {

class Output {
 public:
  // "" or "-": the standard output. `mode` is what a new file gets at most, 0600 for what may hold secrets.
  explicit Output(std::string path, mode_t mode = 0644);
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
  const std::string& name() const { return name_; }  // for messages

 private:
  class Buffer;
  std::string path_, name_, temporary_;
  int slot_ = -1;   // in the list of leftovers
  int place_ = -1;  // with the OutputKeeper, where that opens, renames and removes
  std::unique_ptr<Buffer> buffer_;
  std::unique_ptr<std::ostream> stream_;
};

// Once, early in main: a closed descriptor 0 to 2 stays taken, a closed pipe becomes an Error, and SIGINT,
// SIGTERM and SIGHUP remove unfinished files before they end the program.
void prepare_output();
// Only the removing, for a handler of another: async-signal-safe.
void remove_unfinished_files() noexcept;

}  // namespace heapglass
