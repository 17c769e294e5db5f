// The last step of every command: a Document in the format asked for, where it was asked for.
#pragma once

#include <optional>
#include <string>

#include "lib/render/formats.h"
#include "lib/render/output.h"

namespace heapglass {

struct Destination {
  std::string path;    // "" or "-": the standard output
  std::string format;  // "": by the extension of path, else default_format
  std::string default_format = "text";
  FileMode mode;
  ColorChoice color = ColorChoice::kAuto;
  std::optional<TerminalLook> shown_on;  // where somebody else prints the output on a terminal
};

// With kAuto, as the terminal is.
void take_look(RenderOptions& options, const TerminalLook& look, ColorChoice color = ColorChoice::kAuto);

// Sets width, colour and unicode of `options` by what the output is. When a picture cannot be drawn its DOT
// is written beside it and the Error says so. Returns what the format has no room for, the notes among it.
Warnings write_report(const Document&, const Destination&, RenderOptions options = {});

// Where the DOT of a picture that could not be drawn goes: x.png -> x.dot; empty when there is no such place.
std::string dot_path(const std::string& path);

}  // namespace heapglass
