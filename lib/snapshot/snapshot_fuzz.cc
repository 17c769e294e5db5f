// libFuzzer target: any bytes as a snapshot file. Its sections are laid open, so that the fuzzer changes what
// is in them and not what compressed them; every graph that loads is looked at.
#include <cstdlib>
#include <sstream>

#include "lib/heap/verify.h"
#include "lib/snapshot/saved_capture.h"
#include "lib/snapshot/saved_graph.h"
#include "lib/snapshot/saved_memory.h"
#include "lib/snapshot/saved_runtime.h"

namespace {

using namespace heapglass;

// Sections from plain bytes: name length, name, width, transform, rows per block, two bytes of length, the
// bytes; again and again.
std::string file_of(std::span<const std::byte> bytes) {
  SnapshotWriter writer;
  while (bytes.size() >= 6) {
    const auto name_size =
        std::min<std::size_t>(std::to_integer<std::size_t>(bytes[0]) % 32, bytes.size() - 6);
    const unsigned width = 1u << (std::to_integer<unsigned>(bytes[1]) & 3);
    const auto transform = static_cast<Transform>(std::to_integer<unsigned>(bytes[1]) >> 2 & 1);
    const std::uint64_t per_block = std::to_integer<std::uint64_t>(bytes[2]) + 1;
    const std::string name(reinterpret_cast<const char*>(bytes.data()) + 6, name_size);
    const std::size_t told = std::to_integer<std::size_t>(bytes[3]) | std::to_integer<std::size_t>(bytes[4])
                                                                          << 8;
    bytes = bytes.subspan(6 + name_size);
    const std::size_t size = std::min(told, bytes.size()) / width * width;
    const std::byte* const from = bytes.data();
    writer.add(name, width, transform, size / width, name == "memory.bytes" ? 64 * kSnapshotPage : per_block,
               [from, width](std::uint64_t first, std::uint64_t n, std::byte* out) {
                 std::memcpy(out, from + first * width, n * width);
               });
    bytes = bytes.subspan(size);
  }
  std::ostringstream out;
  writer.finish(out);
  return std::move(out).str();
}

void look(std::span<const std::byte> bytes) {
  try {
    const auto file = std::make_shared<SnapshotFile>(bytes, "fuzz");
    for (const std::string& name : file->section_names()) {
      try {
        if (name.ends_with(".bytes")) file->strings(name.substr(0, name.size() - 6));
      } catch (const Error&) {
      }
    }
    const auto image = load_memory(file, std::uint64_t{1} << 30);
    const HeapGraph graph = load_graph(*file, image, true);
    verify(graph);
    for (std::uint32_t n = 0; n < graph.nodes(); ++n) {
      const Address a = graph.index->address(NodeId{n});
      std::uint64_t word = 0;
      image->load(a, word);
    }
    const Metadata facts(file);
    load_runtime(file, facts);
    load_capture(*file, facts);
    ReadErrors health;
    load_report(*file, facts, health);
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  // The frame as it is, and a sound frame around what the bytes say.
  if (size && data[0] == 0x89) {
    look(bytes);
  } else {
    const std::string file = file_of(bytes);
    look(std::as_bytes(std::span(file)));
  }
  return 0;
}
