#include "lib/snapshot/saved_capture.h"

#include <algorithm>
#include <tuple>

#include "lib/base/wall_clock.h"

namespace heapglass {
namespace {

enum MapFlag : std::uint8_t {
  kReadable = 1,
  kWritable = 2,
  kExecutable = 4,
  kShared = 8,
  kDeleted = 16,
};

void save_residency(SnapshotWriter& writer, Metadata& facts, const Residency& residency) {
  // What the last two are for is in the bill, which a snapshot has.
  const auto& [runs, rss, page_tables, swapped, zero_pages_apart, written, disks] = residency;
  static_cast<void>(written);
  static_cast<void>(disks);
  facts.set_number("residency.rss", rss);
  facts.set_number("residency.page_tables", page_tables);
  facts.set_number("residency.swapped", swapped);
  facts.set_number("residency.zero_pages_apart", zero_pages_apart);
  const std::vector<Residency::Run>& all = runs;
  writer.column<std::uint64_t>("residency.start", all.size(), Transform::kDelta,
                               [&all](std::uint64_t i) { return value(all[i].start); });
  writer.column<std::uint64_t>("residency.bytes", all.size(), Transform::kNone,
                               [&all](std::uint64_t i) { return all[i].size; });
}

Residency load_residency(const SnapshotFile& file, const Metadata& facts) {
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

// A column made at once, element by element.
template <class T>
class Column {
 public:
  explicit Column(const char* name) : name_(name) {}
  void add(std::uint64_t element) { elements_->push_back(static_cast<T>(element)); }
  void save(SnapshotWriter& writer, Transform transform) const {
    writer.column<T>(name_, elements_->size(), transform,
                     [elements = elements_](std::uint64_t i) { return (*elements)[i]; });
  }

 private:
  const char* const name_;
  const std::shared_ptr<std::vector<T>> elements_ = std::make_shared<std::vector<T>>();
};

void save_mappings(SnapshotWriter& writer, const Mappings& mappings) {
  Column<std::uint64_t> starts("maps.start"), ends("maps.end"), offsets("maps.offset"),
      devices("maps.device"), inodes("maps.inode");
  Column<std::uint8_t> flags("maps.flags");
  std::vector<std::string> paths;
  for (const Mapping& m : mappings) {
    const auto& [start, end, readable, writable, executable, shared, offset, device, inode, path, deleted] =
        m;
    starts.add(value(start));
    ends.add(value(end));
    flags.add((readable ? kReadable : 0) | (writable ? kWritable : 0) | (executable ? kExecutable : 0) |
              (shared ? kShared : 0) | (deleted ? kDeleted : 0));
    offsets.add(offset);
    devices.add(device);
    inodes.add(inode);
    paths.push_back(path);
  }
  for (const auto* each : {&starts, &ends, &offsets, &devices, &inodes})
    each->save(writer, Transform::kDelta);
  flags.save(writer, Transform::kNone);
  writer.strings("maps.path", paths);
}

void save_threads(SnapshotWriter& writer, const std::vector<ThreadRegisters>& threads,
                  const AddressIndex* objects_alone) {
  Column<std::uint64_t> tids("os_threads.tid"), states("os_threads.state"),
      stacks("os_threads.stack_pointer"), instructions("os_threads.instruction_pointer"),
      thread_pointers("os_threads.thread_pointer"), futexes("os_threads.futex"),
      registers("os_threads.general");
  Column<std::uint64_t> own_tids("os_threads.own_tid");
  std::vector<std::string> system_calls, names;
  for (const ThreadRegisters& t : threads) {
    const auto& [tid, state, stack_pointer, instruction_pointer, thread_pointer, system_call, futex, general,
                 own_tid, name] = t;
    own_tids.add(static_cast<std::uint32_t>(own_tid));
    names.push_back(objects_alone ? std::string() : name);  // the program may have chosen it
    tids.add(static_cast<std::uint32_t>(tid));
    states.add(static_cast<unsigned char>(state));
    stacks.add(value(stack_pointer));
    instructions.add(value(instruction_pointer));
    thread_pointers.add(value(thread_pointer));
    system_calls.push_back(system_call);
    futexes.add(value(futex));
    for (const std::uint64_t word : general) {
      constexpr std::uint64_t kTag = 7;
      const bool hidden = objects_alone && objects_alone->find(Address{word & ~kTag}) == kNoNode;
      registers.add(hidden ? 0 : word);
    }
  }
  for (const auto* each : {&tids, &states, &stacks, &instructions, &thread_pointers, &futexes, &registers})
    each->save(writer, Transform::kNone);
  writer.strings("os_threads.system_call", system_calls);
  own_tids.save(writer, Transform::kNone);
  writer.strings("os_threads.name", names);
}

std::vector<ThreadRegisters> load_threads(const SnapshotFile& file) {
  const auto tid = file.column<std::uint64_t>("os_threads.tid");
  auto of_threads = [&](const char* name) { return file.column<std::uint64_t>(name, tid.size()); };
  const auto state = of_threads("os_threads.state"), stack = of_threads("os_threads.stack_pointer"),
             instruction = of_threads("os_threads.instruction_pointer"),
             thread = of_threads("os_threads.thread_pointer");
  std::vector<ThreadRegisters> threads;
  threads.reserve(tid.size());
  for (std::size_t i = 0; i < tid.size(); ++i)
    threads.push_back({.tid = static_cast<std::int32_t>(tid[i]),
                       .state = static_cast<char>(state[i]),
                       .stack_pointer = Address{stack[i]},
                       .instruction_pointer = Address{instruction[i]},
                       .thread_pointer = Address{thread[i]}});
  if (!file.has("os_threads.futex")) return threads;  // minor version 0
  const auto futex = of_threads("os_threads.futex");
  constexpr std::size_t kGeneral = std::tuple_size_v<decltype(ThreadRegisters::general)>;
  const auto general = file.column<std::uint64_t>("os_threads.general", tid.size() * kGeneral);
  const auto system_call = file.strings("os_threads.system_call");
  if (system_call.size() != tid.size())
    file.fail("os_threads.system_call", "it has not as many rows as those beside it");
  for (std::size_t i = 0; i < tid.size(); ++i) {
    threads[i].system_call = system_call[i];
    threads[i].futex = Address{futex[i]};
    std::copy_n(general.begin() + static_cast<std::ptrdiff_t>(i * kGeneral), kGeneral,
                threads[i].general.begin());
  }
  if (!file.has("os_threads.own_tid")) return threads;
  const auto own_tid = of_threads("os_threads.own_tid");
  const auto name = file.strings("os_threads.name");
  if (name.size() != tid.size()) file.fail("os_threads.name", "it has not as many rows as those beside it");
  for (std::size_t i = 0; i < tid.size(); ++i) {
    threads[i].own_tid = static_cast<std::int32_t>(own_tid[i]);
    threads[i].name = name[i];
  }
  return threads;
}

void save_caveats(SnapshotWriter& writer, const std::vector<Caveat>& caveats) {
  std::vector<std::string> kinds, texts, examples;
  std::vector<std::uint64_t> counts, of;
  for (std::size_t i = 0; i < caveats.size(); ++i) {
    const auto& [kind, count, text, some] = caveats[i];
    kinds.push_back(kind);
    counts.push_back(count);
    texts.push_back(text);
    for (const std::string& each : some) {
      of.push_back(i);
      examples.push_back(each);
    }
  }
  writer.strings("notes", texts);
  writer.strings("notes.kind", kinds);
  writer.column<std::uint64_t>("notes.count", counts.size(), Transform::kNone,
                               [counts](std::uint64_t i) { return counts[i]; });
  writer.strings("notes.example", examples);
  writer.column<std::uint64_t>("notes.example.of", of.size(), Transform::kNone,
                               [of](std::uint64_t i) { return of[i]; });
}

std::vector<Caveat> load_caveats(const SnapshotFile& file) {
  std::vector<Caveat> caveats;
  for (std::string& text : file.strings("notes")) caveats.push_back({"capture", 0, std::move(text)});
  if (!file.has("notes.count")) return caveats;  // of an older version, which had the texts alone
  const auto kinds = file.strings("notes.kind");
  const auto counts = file.column<std::uint64_t>("notes.count", caveats.size());
  const auto examples = file.strings("notes.example");
  const auto of = file.column<std::uint64_t>("notes.example.of", examples.size());
  if (kinds.size() != caveats.size()) file.fail("notes.kind", "it has not as many rows as those beside it");
  for (std::size_t i = 0; i < caveats.size(); ++i) {
    caveats[i].kind = kinds[i];
    caveats[i].count = counts[i];
  }
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (of[i] >= caveats.size()) file.fail("notes.example.of", "there is no such note");
    caveats[of[i]].examples.push_back(examples[i]);
  }
  return caveats;
}

}  // namespace

// Structs are taken apart by structured bindings: what has a new field does not compile until that is saved.
void save_capture(SnapshotWriter& writer, Metadata& facts, const Capture& capture,
                  const AddressIndex* objects_alone) {
  const auto& [image, mappings, backing, fill_descriptors, threads, residency, freeze, time_ms, pause_ms,
               prepare_ms, bytes_copied, looks, no_safe_point, was_stopped, caveats] = capture;
  facts.set("capture.freeze", freeze);
  facts.set_number("captured_at_ms", static_cast<std::uint64_t>(time_ms.value_or(milliseconds_since_1970())));
  facts.set_real("capture.pause_ms", pause_ms);
  facts.set_real("capture.prepare_ms", prepare_ms);
  facts.set_number("capture.bytes_copied", bytes_copied);
  facts.set_number("capture.was_stopped", was_stopped);
  facts.set_number("capture.looks", looks);
  facts.set_number("capture.no_good_moment", no_safe_point);
  save_caveats(writer, caveats);
  if (residency) save_residency(writer, facts, *residency);
  save_mappings(writer, mappings);
  save_threads(writer, threads, objects_alone);
}

Capture load_capture(const SnapshotFile& file, const Metadata& facts) {
  Capture capture;
  capture.freeze = facts.text("capture.freeze");
  capture.time_ms = static_cast<std::int64_t>(facts.number("captured_at_ms"));
  capture.pause_ms = facts.real("capture.pause_ms");
  capture.prepare_ms = facts.real("capture.prepare_ms");
  capture.bytes_copied = facts.number("capture.bytes_copied");
  capture.was_stopped = facts.number("capture.was_stopped") != 0;
  capture.looks = static_cast<unsigned>(facts.number("capture.looks"));
  capture.no_safe_point = facts.number("capture.no_good_moment") != 0;
  capture.caveats = load_caveats(file);

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
  capture.threads = load_threads(file);
  return capture;
}

}  // namespace heapglass
