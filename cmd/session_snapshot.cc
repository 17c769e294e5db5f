// A session saved as a snapshot, and one that comes out of it again.
#include <algorithm>

#include "cmd/session.h"
#include "lib/base/error.h"
#include "lib/graph/node_chunks.h"
#include "lib/graph/verify.h"
#include "lib/python/content.h"
#include "lib/snapshot/saved_capture.h"
#include "lib/snapshot/saved_frames.h"
#include "lib/snapshot/saved_memory.h"
#include "lib/snapshot/snapshot_target.h"

namespace heapglass {
namespace {

// Each figure of what running the target's code gave, by its name in the file.
constexpr std::pair<const char*, std::uint64_t TraverseSandboxStats::*> kRan[] = {
    {"ran.objects", &TraverseSandboxStats::objects},    {"ran.referents", &TraverseSandboxStats::referents},
    {"ran.faults", &TraverseSandboxStats::faults},      {"ran.timeouts", &TraverseSandboxStats::timeouts},
    {"ran.deaths", &TraverseSandboxStats::deaths},      {"ran.retried", &TraverseSandboxStats::retried},
    {"ran.not_asked", &TraverseSandboxStats::not_asked}};

}  // namespace

Session::Session() = default;
Session::~Session() = default;

void Session::record_by_word() {
  touched_.reset();  // each sets the image's guards when it comes and goes
  touched_ = std::make_unique<ReadRecorder>(capture_.image, ReadRecorder::Unit::kWord);
}

void Session::hash_values(const std::function<std::uint64_t(std::string_view)>& hash, std::string values) {
  constexpr std::uint64_t kLongest = 1 << 20;
  values_ = std::move(values);
  graph_.value_hash.assign(graph_.nodes(), 0);
  for_each_chunk(*graph_.index, [&](const NodeChunk& piece) {
    piece.each([&](std::uint32_t node, Address a) {
      if (const auto bytes = value_bytes(*objects_, a, *graph_.types[graph_.type[node]].info, kLongest))
        graph_.value_hash[node] = std::max<std::uint64_t>(hash(*bytes), 1);
    });
  });
}

void Session::save(SnapshotWriter& writer, Metadata& facts) const {
  save_target(facts, *target_);
  save_states(writer, states_);
  // Arguments are values too: passwords among them.
  const std::string command = target_->command_line();
  if (touched_->unit() == ReadRecorder::Unit::kWord && command.find(' ') != std::string::npos)
    facts.set("target.command_line", command.substr(0, command.find(' ')) + " ...");
  facts.set("values", values_);
  facts.set("session.resolve", resolve_);
  facts.set("session.why_not_run", why_not_run_);
  for (const auto& [name, figure] : kRan) facts.set_number(name, ran_.*figure);
  facts.set_real("ran.ms", ran_.ms);
  save_runtime(writer, facts, python_);
  const bool by_words = touched_->unit() == ReadRecorder::Unit::kWord;
  save_capture(writer, facts, capture_, by_words ? graph_.index.get() : nullptr);
  save_report(writer, facts, report_, health_);
  save_interpreters(writer, interpreters_);
  save_graph(writer, *types_, graph_);
  if (by_words) {
    save_words(writer, *capture_.image, *touched_, graph_);
  } else {
    save_pages(writer, *capture_.image, *touched_);
  }
}

void Session::load(const SnapshotTarget& snapshot, const SessionOptions& options) {
  const Metadata& facts = snapshot.facts();
  resolve_ = facts.text("session.resolve");
  why_not_run_ = facts.text("session.why_not_run");
  values_ = facts.text("values");
  const bool without = values_ == "none";
  if (values_ != "kept")
    capture_.caveats.push_back(
        {without ? "no-values" : "hashed-values", 0,
         std::string(without ? "this snapshot has no values"
                             : "this snapshot has hashes in place of values") +
             ": texts, numbers and bytes are not shown, and a condition on one holds for no object" +
             (without ? "; equal ones are not looked for" : "")});
  constexpr std::uint64_t kLookedAt = 1 << 20;  // of a value, by conditions
  if (facts.has("values.longest") && facts.number("values.longest") < kLookedAt)
    capture_.caveats.push_back(
        {"cut-values", facts.number("values.longest"),
         "this snapshot has the first " + std::to_string(facts.number("values.longest")) +
             " bytes of longer values: a condition on the whole of one holds for no object"});
  for (const auto& [name, figure] : kRan) ran_.*figure = facts.number(name);
  ran_.ms = facts.real("ran.ms");
  if (options.graph) {
    graph_ = snapshot.graph(options.references);
    ReadErrors counted_before;
    graph_.roots = graph_roots(*graph_.index, read_roots(*types_, interpreters_, counted_before));
    for (GraphType& type : graph_.types) {
      type.info = types_->get(type.address);
      if (!type.info)
        snapshot.file().fail("types.address",
                             "there is no type at " + to_hex(type.address) + " for " + type.name);
    }
    try {
      verify(graph_);
    } catch (const std::logic_error& wrong) {
      snapshot.file().fail("objects", wrong.what());
    }
    report_ = load_report(snapshot.file(), facts, health_);
  }
}

}  // namespace heapglass
