#include "lib/snapshot/saved_capture.h"

namespace heapglass {
namespace {

enum MapFlag : std::uint8_t {
  kReadable = 1,
  kWritable = 2,
  kExecutable = 4,
  kShared = 8,
  kDeleted = 16,
};

std::uint8_t flags_of(const Mapping& m) {
  return static_cast<std::uint8_t>((m.readable ? kReadable : 0) | (m.writable ? kWritable : 0) |
                                   (m.executable ? kExecutable : 0) | (m.shared ? kShared : 0) |
                                   (m.deleted ? kDeleted : 0));
}

void save_residency(SnapshotWriter& writer, Facts& facts, const Residency& residency) {
  facts.set_number("residency.rss", residency.rss);
  facts.set_number("residency.page_tables", residency.page_tables);
  facts.set_number("residency.swapped", residency.swapped);
  facts.set_number("residency.zero_pages_apart", residency.zero_pages_apart);
  const auto& runs = residency.runs;
  writer.column<std::uint64_t>("residency.start", runs.size(), Transform::kDelta,
                               [&runs](std::uint64_t i) { return value(runs[i].start); });
  writer.column<std::uint64_t>("residency.bytes", runs.size(), Transform::kNone,
                               [&runs](std::uint64_t i) { return runs[i].size; });
}

Residency load_residency(const SnapshotFile& file, const Facts& facts) {
  Residency residency;
  residency.rss = facts.number("residency.rss");
  residency.page_tables = facts.number("residency.page_tables");
  residency.swapped = facts.number("residency.swapped");
  residency.zero_pages_apart = facts.number("residency.zero_pages_apart") != 0;
  const auto start = file.column<std::uint64_t>("residency.start");
  const auto bytes = file.column<std::uint64_t>("residency.bytes", start.size());
  for (std::size_t i = 0; i < start.size(); ++i) {
    const std::uint64_t before = i ? start[i - 1] + bytes[i - 1] : 0;
    if (start[i] < before || bytes[i] > ~start[i]) file.fail("residency", "the pages are not in order");
    residency.runs.push_back({Address{start[i]}, bytes[i]});
  }
  return residency;
}

}  // namespace

void save_capture(SnapshotWriter& writer, Facts& facts, const Capture& capture) {
  facts.set("capture.freeze", capture.freeze);
  facts.set_real("capture.pause_ms", capture.pause_ms);
  facts.set_real("capture.prepare_ms", capture.prepare_ms);
  facts.set_number("capture.bytes_copied", capture.bytes_copied);
  facts.set_number("capture.was_stopped", capture.was_stopped);
  facts.set_number("capture.looks", capture.looks);
  facts.set_number("capture.no_good_moment", capture.no_good_moment);
  writer.strings("notes", capture.notes);
  if (capture.residency) save_residency(writer, facts, *capture.residency);

  const auto& maps = capture.mappings;
  auto of_maps = [&](const char* name, auto get) {
    writer.column<std::uint64_t>(name, maps.size(), Transform::kDelta,
                                 [&maps, get](std::uint64_t i) { return get(maps[i]); });
  };
  of_maps("maps.start", [](const Mapping& m) { return value(m.start); });
  of_maps("maps.end", [](const Mapping& m) { return value(m.end); });
  of_maps("maps.offset", [](const Mapping& m) { return m.file_offset; });
  of_maps("maps.device", [](const Mapping& m) { return m.device; });
  of_maps("maps.inode", [](const Mapping& m) { return m.inode; });
  writer.column<std::uint8_t>("maps.flags", maps.size(), Transform::kNone,
                              [&maps](std::uint64_t i) { return flags_of(maps[i]); });
  std::vector<std::string> paths;
  for (const Mapping& m : maps) paths.push_back(m.path);
  writer.strings("maps.path", paths);

  const auto& threads = capture.threads;
  auto of_threads = [&](const char* name, auto get) {
    writer.column<std::uint64_t>(name, threads.size(), Transform::kNone,
                                 [&threads, get](std::uint64_t i) { return get(threads[i]); });
  };
  of_threads("os_threads.tid", [](const ThreadRegisters& t) { return static_cast<std::uint32_t>(t.tid); });
  of_threads("os_threads.state",
             [](const ThreadRegisters& t) { return static_cast<unsigned char>(t.state); });
  of_threads("os_threads.stack_pointer", [](const ThreadRegisters& t) { return value(t.stack_pointer); });
  of_threads("os_threads.instruction_pointer",
             [](const ThreadRegisters& t) { return value(t.instruction_pointer); });
  of_threads("os_threads.thread_pointer", [](const ThreadRegisters& t) { return value(t.thread_pointer); });
}

Capture load_capture(const SnapshotFile& file, const Facts& facts) {
  Capture capture;
  capture.freeze = facts.text("capture.freeze");
  capture.pause_ms = facts.real("capture.pause_ms");
  capture.prepare_ms = facts.real("capture.prepare_ms");
  capture.bytes_copied = facts.number("capture.bytes_copied");
  capture.was_stopped = facts.number("capture.was_stopped") != 0;
  capture.looks = static_cast<unsigned>(facts.number("capture.looks"));
  capture.no_good_moment = facts.number("capture.no_good_moment") != 0;
  capture.notes = file.strings("notes");

  if (file.has("residency.start")) capture.residency = load_residency(file, facts);

  const auto paths = file.strings("maps.path");
  auto of_maps = [&](const char* name) { return file.column<std::uint64_t>(name, paths.size()); };
  const auto start = of_maps("maps.start"), end = of_maps("maps.end"), offset = of_maps("maps.offset"),
             device = of_maps("maps.device"), inode = of_maps("maps.inode");
  const auto flags = file.column<std::uint8_t>("maps.flags", paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (end[i] < start[i] || (i && start[i] < end[i - 1])) file.fail("maps", "the mappings are not in order");
    capture.mappings.push_back({.start = Address{start[i]},
                                .end = Address{end[i]},
                                .readable = (flags[i] & kReadable) != 0,
                                .writable = (flags[i] & kWritable) != 0,
                                .executable = (flags[i] & kExecutable) != 0,
                                .shared = (flags[i] & kShared) != 0,
                                .file_offset = offset[i],
                                .device = device[i],
                                .inode = inode[i],
                                .path = paths[i],
                                .deleted = (flags[i] & kDeleted) != 0});
  }
  const auto tid = file.column<std::uint64_t>("os_threads.tid");
  auto of_threads = [&](const char* name) { return file.column<std::uint64_t>(name, tid.size()); };
  const auto state = of_threads("os_threads.state"), stack = of_threads("os_threads.stack_pointer"),
             instruction = of_threads("os_threads.instruction_pointer"),
             thread = of_threads("os_threads.thread_pointer");
  for (std::size_t i = 0; i < tid.size(); ++i)
    capture.threads.push_back({.tid = static_cast<std::int32_t>(tid[i]),
                               .state = static_cast<char>(state[i]),
                               .stack_pointer = Address{stack[i]},
                               .instruction_pointer = Address{instruction[i]},
                               .thread_pointer = Address{thread[i]}});
  return capture;
}

}  // namespace heapglass
