// A session saved as a snapshot, and one that comes out of it again.
#include "cmd/session.h"
#include "lib/base/error.h"
#include "lib/graph/verify.h"
#include "lib/snapshot/saved_capture.h"
#include "lib/snapshot/saved_frames.h"
#include "lib/snapshot/saved_memory.h"
#include "lib/snapshot/snapshot_target.h"

namespace heapglass {
namespace {

// Each figure of what running the target's code gave, by its name in the file.
constexpr std::pair<const char*, std::uint64_t CopiedProcessStats::*> kRan[] = {
    {"ran.objects", &CopiedProcessStats::objects},    {"ran.referents", &CopiedProcessStats::referents},
    {"ran.faults", &CopiedProcessStats::faults},      {"ran.timeouts", &CopiedProcessStats::timeouts},
    {"ran.deaths", &CopiedProcessStats::deaths},      {"ran.retried", &CopiedProcessStats::retried},
    {"ran.not_asked", &CopiedProcessStats::not_asked}};

}  // namespace

Session::Session() = default;
Session::~Session() = default;

void Session::note_words() {
  touched_.reset();  // each sets the image's guards when it comes and goes
  touched_ = std::make_unique<TouchedPages>(capture_.image, TouchedPages::Unit::kWord);
}

void Session::save(SnapshotWriter& writer, Facts facts) const {
  save_target(facts, *target_);
  // Arguments are values too: passwords among them.
  const std::string command = target_->command_line();
  if (touched_->unit() == TouchedPages::Unit::kWord && command.find(' ') != std::string::npos)
    facts.set("target.command_line", command.substr(0, command.find(' ')) + " ...");
  facts.set("session.resolve", resolve_);
  facts.set("session.why_not_run", why_not_run_);
  for (const auto& [name, figure] : kRan) facts.set_number(name, ran_.*figure);
  facts.set_real("ran.ms", ran_.ms);
  save_runtime(writer, facts, python_);
  save_capture(writer, facts, capture_);
  save_report(writer, facts, report_, health_);
  facts.save(writer);
  save_interpreters(writer, interpreters_);
  save_graph(writer, *types_, graph_);
  if (touched_->unit() == TouchedPages::Unit::kWord) {
    save_words(writer, *capture_.image, *touched_, graph_);
  } else {
    save_pages(writer, *capture_.image, *touched_);
  }
}

void Session::load(const SnapshotTarget& snapshot, const SessionOptions& options) {
  const Facts& facts = snapshot.facts();
  resolve_ = facts.text("session.resolve");
  why_not_run_ = facts.text("session.why_not_run");
  if (facts.text("values") != "kept")
    capture_.notes.push_back(
        "this snapshot has no values: texts, numbers and bytes are not shown, a condition on one holds for "
        "no "
        "object, and equal ones are not looked for");
  for (const auto& [name, figure] : kRan) ran_.*figure = facts.number(name);
  ran_.ms = facts.real("ran.ms");
  if (options.graph) {
    graph_ = snapshot.graph(options.references);
    Health counted_before;
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
