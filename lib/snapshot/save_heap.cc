#include "lib/snapshot/save_heap.h"

#include <algorithm>

#include "lib/heap/node_chunks.h"
#include "lib/python/content.h"
#include "lib/snapshot/read_recorder.h"
#include "lib/snapshot/saved_capture.h"
#include "lib/snapshot/saved_frames.h"
#include "lib/snapshot/saved_memory.h"
#include "lib/snapshot/saved_traverse_stats.h"
#include "lib/snapshot/snapshot_target.h"

namespace heapglass {

void record_by_word(Heap& heap) {
  HeapParts& p = heap.parts();
  p.recorder.reset();  // each sets the image's guards when it comes and goes
  p.recorder = std::make_shared<ReadRecorder>(p.capture.image, ReadRecorder::Unit::kWord);
}

void hash_values(Heap& heap, const std::function<std::uint64_t(std::string_view)>& hash, std::string policy) {
  HeapParts& p = heap.parts();
  constexpr std::uint64_t kLongest = 1 << 20;
  p.value_policy = std::move(policy);
  p.graph.value_hash.assign(p.graph.nodes(), 0);
  for_each_chunk(*p.graph.index, [&](const NodeChunk& piece) {
    piece.each([&](std::uint32_t node, Address a) {
      if (const auto bytes = value_bytes(*p.objects, a, *p.graph.types[p.graph.type[node]].info, kLongest))
        p.graph.value_hash[node] = std::max<std::uint64_t>(hash(*bytes), 1);
    });
  });
}

void save_heap(const Heap& heap, SnapshotWriter& writer, Metadata& facts) {
  const HeapParts& p = heap.parts();
  save_target(facts, *p.target);
  save_states(writer, p.states);
  // Arguments are values too: passwords among them.
  const std::string command = p.target->command_line();
  if (p.recorder->unit() == ReadRecorder::Unit::kWord && command.find(' ') != std::string::npos)
    facts.set("target.command_line", command.substr(0, command.find(' ')) + " ...");
  facts.set("values", p.value_policy);
  facts.set("session.resolve", p.resolve);
  facts.set("session.why_not_run", p.why_not_run);
  for (const auto& [name, figure] : kSavedTraverseStats) facts.set_number(name, p.traversed.*figure);
  facts.set_real("ran.ms", p.traversed.ms);
  save_runtime(writer, facts, p.python);
  const bool by_words = p.recorder->unit() == ReadRecorder::Unit::kWord;
  save_capture(writer, facts, p.capture, by_words ? p.graph.index.get() : nullptr);
  save_report(writer, facts, p.report, p.read_errors);
  save_interpreters(writer, p.interpreters);
  save_graph(writer, *p.types, p.graph);
  if (by_words) {
    save_words(writer, *p.capture.image, *p.recorder, p.graph);
  } else {
    save_pages(writer, *p.capture.image, *p.recorder);
  }
}

}  // namespace heapglass
