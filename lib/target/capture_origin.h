// Where and when a capture was taken: for "about" in every JSON document.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace heapglass {

// What is not known is empty.
struct CaptureOrigin {
  std::string host;                 // name of the machine, or of the container or pod that heapglass was in
  std::optional<std::int32_t> pid;  // as Target::pid()
  std::optional<std::int64_t> started;  // the process, seconds since 1970
  std::string container;                // the whole id, of Docker, containerd, CRI-O or Podman
  std::optional<std::int64_t> time_ms;  // of the capture, milliseconds since 1970
};

}  // namespace heapglass
