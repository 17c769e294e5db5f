#include "platform/injection/sigframe_area.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "platform/binaries/elf_file.h"
#include "platform/process/page_map.h"
#include "platform/process/threads.h"
#include "platform/stopping/signal_frame.h"

namespace heapglass {
namespace {

using Room = std::array<std::byte, kFrameRoom>;

std::string_view base_name(const Mapping& m) {
  return std::string_view(m.path).substr(m.path.rfind('/') + 1);
}
bool is_library(const Mapping& m) {
  const std::string_view name = base_name(m);
  return m.has_file() && m.file_offset == 0 && name.find(".so") != std::string_view::npos &&
         !name.starts_with("ld-") && !name.starts_with("ld.so");
}

bool written_by_us(const Room& bytes) {
  return std::memcmp(bytes.data() + kFrameRoom - sizeof kFrameRoomMark, kFrameRoomMark,
                     sizeof kFrameRoomMark) == 0;
}

std::optional<SigframeArea> free_for_us(const Process& process, std::uint64_t at) {
  Room bytes;
  if (!process.read(Address{at}, bytes)) return std::nullopt;
  if (std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; }))
    return SigframeArea{at, false};
  const SigframeArea left{at, true};
  if (written_by_us(bytes) && threads_in(process, left).empty()) return left;
  return std::nullopt;
}

std::optional<SigframeArea> room_behind(const Process& process, const Mappings& mappings,
                                        const Mapping& library) {
  const FileDescriptor file = process.open_mapped_file(library);
  std::string why;
  const auto elf = file ? ElfFile::open(file.get(), library.path, why) : nullptr;
  if (!elf) return std::nullopt;
  const std::optional<std::uint64_t> bias = elf->load_bias(mappings, library);
  if (!bias) return std::nullopt;
  for (const ElfSegment& s : elf->segments()) {
    // What has no zeros of its own shows the file's bytes up to the end of its page.
    if (!s.writable || s.memory_size <= s.file_size) continue;
    const std::uint64_t end = (*bias + s.address + s.memory_size + 15) / 16 * 16,
                        page_end = (end + kPage - 1) / kPage * kPage;
    if (page_end - end < kFrameRoom) continue;
    const Mapping* m = find_mapping(mappings, Address{end});
    if (!m || !m->readable || !m->writable || m->shared || value(m->end) < page_end) continue;
    if (const auto room = free_for_us(process, page_end - kFrameRoom)) return room;
  }
  return std::nullopt;
}

}  // namespace

std::optional<SigframeArea> find_sigframe_area(const Process& process, const Mappings& mappings) {
  for (const Mapping& m : mappings)
    if (base_name(m).find("musl") != std::string_view::npos) return std::nullopt;
  for (const Mapping& m : mappings)
    if (is_library(m))
      if (const auto room = room_behind(process, mappings, m)) return room;
  return std::nullopt;
}

void clear(const Process& process, const SigframeArea& room) {
  if (room.left) return;
  Room bytes;  // of another program's by now, it may be
  if (process.read(Address{room.at}, bytes) && written_by_us(bytes)) write_to(process.pid(), room.at, Room{});
}

std::vector<pid_t> threads_in(const Process& process, const SigframeArea& room) {
  std::vector<pid_t> found;
  for (const pid_t tid : list_threads(process.pid())) {
    const std::uint64_t at = value(look_at_thread(process.pid(), tid).stack_pointer);
    if (at >= room.at && at < room.at + kFrameRoom) found.push_back(tid);
  }
  return found;
}

}  // namespace heapglass
