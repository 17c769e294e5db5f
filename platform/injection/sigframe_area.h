// Memory of a process that nothing in it uses: between the end of a library's data and the end of its page.
// The loader maps pages, and fills with zeros what the library does not have.
//
// Not behind the program's own data, where the heap may begin, nor behind the loader's, which takes it for
// itself; musl gives all of these to malloc.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "platform/process/process.h"

namespace heapglass {

constexpr std::uint64_t kFrameRoom = 1024;  // bytes

struct SigframeArea {
  std::uint64_t at = 0;
  // heapglass was killed when it had written there, and a thread may still be about to go there: what is
  // written has to make sense to it, and is not to be taken away.
  bool left = false;
};
// Where kFrameRoom bytes lie that are zeros, or that heapglass has left and no thread stands in; nothing
// where no library has as much.
std::optional<SigframeArea> find_sigframe_area(const Process& process, const Mappings& mappings);

constexpr char kNoFrameRoom[] = "no library of it has unused memory behind its data, for what is injected";

// What says that heapglass wrote it, at the end of the room.
constexpr char kFrameRoomMark[16] = {'h', 'e', 'a', 'p', 'g', 'l', 'a', 's',
                                     's', ' ', 'f', 'r', 'a', 'm', 'e', 's'};
// As it was, where that may be.
void clear(const Process& process, const SigframeArea& room);

// Threads whose stack pointer is in there. One that runs at this very moment is not seen.
std::vector<pid_t> threads_in(const Process& process, const SigframeArea& room);

}  // namespace heapglass
