// A sound snapshot of a made-up heap, by whole pages, with damage to its sections: the first byte chooses the
// release, then six bytes a change say which section, where in it, what is done and with what. Sections are
// written anew, so that the damage is in what they say and not in what compresses them.
#include <cstdlib>
#include <sstream>

#include "lib/heap/heap_exercise.h"
#include "lib/python/builtin_layouts.h"
#include "lib/python/fake_binary.h"
#include "lib/python/fake_heap.h"
#include "lib/snapshot/saved_capture.h"
#include "lib/snapshot/saved_frames.h"
#include "lib/snapshot/saved_graph.h"
#include "lib/snapshot/saved_memory.h"
#include "lib/snapshot/saved_runtime.h"

namespace {

using namespace heapglass;

struct PlainSection {
  std::string name;
  unsigned width = 1;
  std::uint64_t rows_per_block = 1;
  std::vector<std::byte> bytes;
};

template <class T>
bool copy_column(const SnapshotFile& file, const std::string& name, PlainSection& out) {
  try {
    const auto column = file.column<T>(name);
    const auto bytes = std::as_bytes(std::span(column));
    out = {name, sizeof(T), file.rows_per_block(name), {bytes.begin(), bytes.end()}};
    return true;
  } catch (const Error&) {
    return false;  // of another width
  }
}

std::vector<PlainSection> snapshot_of(FakeHeap& heap) {
  const auto touched = std::make_unique<ReadRecorder>(heap.image, ReadRecorder::Unit::kWholePage);
  const Limits limits;
  ReadErrors health;
  const Objects objects(*heap.image, heap.python);
  TypeTable types(objects, limits, health);
  const std::vector<PyInterpreter> interpreters = read_interpreters(objects, limits, health);
  BuildReport report;
  const HeapGraph graph = build_graph(heap.image, types, interpreters, {}, health, report);
  for (std::uint32_t n = 0; n < graph.nodes(); ++n)
    (void)python_repr(types, graph.index->address(NodeId{n}), 200);
  SnapshotWriter writer;
  Metadata facts;
  Capture capture;
  capture.image = heap.image;
  PyRuntime python = heap.python;
  python.binary = std::make_shared<FakeBinary>(heap, nullptr);
  save_runtime(writer, facts, python);
  save_capture(writer, facts, capture);
  save_report(writer, facts, report, health);
  save_interpreters(writer, interpreters);
  save_graph(writer, types, graph);
  save_pages(writer, *heap.image, *touched);
  facts.save(writer);
  std::ostringstream out;
  writer.finish(out);
  const std::string bytes = std::move(out).str();
  const SnapshotFile file(std::as_bytes(std::span(bytes)), "fuzz");
  std::vector<PlainSection> sections;
  for (const std::string& name : file.section_names()) {
    PlainSection section;
    if (!copy_column<std::uint8_t>(file, name, section) && !copy_column<std::uint16_t>(file, name, section) &&
        !copy_column<std::uint32_t>(file, name, section) && !copy_column<std::uint64_t>(file, name, section))
      std::abort();
    sections.push_back(std::move(section));
  }
  return sections;
}

void change(PlainSection& section, const std::uint8_t* how) {
  if (section.bytes.empty()) return;
  const std::size_t rows = section.bytes.size() / section.width;
  const std::size_t at = (how[1] | std::size_t{how[2]} << 8) % rows * section.width;
  std::uint64_t word = 0;
  std::memcpy(&word, section.bytes.data() + at, section.width);
  const std::uint64_t large = how[4] | std::uint64_t{how[5]} << 8;
  switch (how[3] % 8) {
    case 0:
      word ^= std::uint64_t{1} << (how[4] & 63);
      break;
    case 1:
      word += large;
      break;
    case 2:
      word -= large;
      break;
    case 3:
      word = large;
      break;
    case 4:
      word = ~std::uint64_t{0} >> (how[4] & 63);
      break;
    case 5:
      std::memcpy(&word, section.bytes.data() + large % rows * section.width, section.width);
      break;
    case 6:
      section.bytes.resize(at);
      return;  // it ends here
    default:
      section.bytes.insert(section.bytes.end(), section.bytes.begin(),
                           section.bytes.begin() + static_cast<std::ptrdiff_t>(at));
      return;
  }
  std::memcpy(section.bytes.data() + at, &word, section.width);
}

std::string file_of(const std::vector<PlainSection>& sections) {
  SnapshotWriter writer;
  for (const PlainSection& s : sections)
    writer.add(s.name, s.width, Transform::kNone, s.bytes.size() / s.width, s.rows_per_block,
               [&s](std::uint64_t first, std::uint64_t n, std::byte* out) {
                 std::memcpy(out, s.bytes.data() + first * s.width, n * s.width);
               });
  std::ostringstream out;
  writer.finish(out);
  return std::move(out).str();
}

// As a command loads it. Returns the objects.
std::uint32_t load(const std::string& bytes) {
  try {
    const auto file = std::make_shared<SnapshotFile>(std::as_bytes(std::span(bytes)), "fuzz");
    const Metadata facts(file);
    const PyRuntime python = load_runtime(file, facts);
    (void)load_capture(*file, facts);
    const auto image = load_memory(file, std::uint64_t{1} << 30);
    ReadErrors health;
    const Limits limits;
    const Objects objects(*image, python);
    TypeTable types(objects, limits, health);
    const std::vector<PyInterpreter> interpreters = read_interpreters(objects, limits, health);
    HeapGraph graph = load_graph(*file, image, true);
    graph.roots = graph_roots(*graph.index, read_roots(types, interpreters, health));
    for (GraphType& type : graph.types) {
      type.info = types.get(type.address);
      if (!type.info) file->fail("types.address", "there is no such type");
    }
    try {
      verify(graph);
    } catch (const std::logic_error&) {
      return 0;  // the file contradicts itself, and a command says so
    }
    load_report(*file, facts, health);
    for (std::uint32_t n = 0; n < graph.nodes(); n += 17)
      (void)python_repr(types, graph.index->address(NodeId{n}), 200);
    return graph.nodes();
  } catch (const Error&) {
    return 0;
  }
}

const std::vector<std::vector<PlainSection>>& snapshots() {
  static auto& all = *new std::vector<std::vector<PlainSection>>([] {
    setenv("HEAPGLASS_THREADS", "1", 1);  // threads for so little cost more than they do
    std::vector<std::vector<PlainSection>> made;
    // A few, spread: a snapshot says little that depends on the release, and reading one is slow under
    // sanitizers.
    const auto versions = builtin_layout_versions();
    for (std::size_t i = 0; i < versions.size(); i += 4) {
      FakeHeap heap(versions[i], 0, 64);
      made.push_back(snapshot_of(heap));
      if (load(file_of(made.back())) == 0) std::abort();  // a sound one is to be read
    }
    return made;
  }());
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto& all = snapshots();
  if (size == 0) return 0;
  std::vector<PlainSection> sections = all[data[0] % all.size()];
  constexpr std::size_t kBytesAChange = 6, kMostChanges = 32;
  for (std::size_t i = 0; i < kMostChanges && 1 + (i + 1) * kBytesAChange <= size; ++i) {
    const std::uint8_t* const how = data + 1 + i * kBytesAChange;
    change(sections[how[0] % sections.size()], how);
  }
  load(file_of(sections));
  return 0;
}
