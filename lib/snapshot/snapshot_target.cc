#include "lib/snapshot/snapshot_target.h"

#include "lib/snapshot/saved_capture.h"
#include "lib/snapshot/saved_memory.h"
#include "lib/snapshot/snapshot_writer.h"

namespace heapglass {

namespace {

constexpr std::pair<const char*, std::uint64_t ResidentMemory::*> kResident[] = {
    {"resident.rss", &ResidentMemory::rss},
    {"resident.peak", &ResidentMemory::peak},
    {"resident.anonymous", &ResidentMemory::anonymous},
    {"resident.file", &ResidentMemory::file},
    {"resident.shared", &ResidentMemory::shared},
    {"resident.swapped", &ResidentMemory::swapped},
    // Newer than the first files.
    {"resident.proportional", &ResidentMemory::proportional},
    {"resident.mapped_by_others", &ResidentMemory::mapped_by_others},
    {"resident.anonymous_mapped_by_others", &ResidentMemory::anonymous_mapped_by_others}};

}  // namespace

void save_target(Metadata& facts, const Target& target) {
  facts.set("target.name", target.name());
  facts.set_number("target.pid", static_cast<std::uint64_t>(target.pid()));
  facts.set("target.command_line", target.command_line());
  facts.set("target.executable", target.executable());
  const CaptureOrigin origin = target.origin();
  facts.set("target.host", origin.host);
  facts.set("target.container", origin.container);
  if (origin.started) facts.set_number("target.started", static_cast<std::uint64_t>(*origin.started));
  if (const auto rss = target.resident_bytes()) facts.set_number("target.resident_bytes", *rss);
  if (const auto resident = target.resident_memory())
    for (const auto& [name, part] : kResident) facts.set_number(name, (*resident).*part);
}

void save_states(SnapshotWriter& writer, const std::vector<TargetState>& states) {
  std::vector<std::string> names, texts;
  for (const TargetState& state : states) {
    names.push_back(state.name);
    texts.push_back(state.text);
  }
  writer.strings("states.name", names);
  writer.strings("states.text", texts);
}

std::vector<TargetState> SnapshotTarget::states() const {
  std::vector<TargetState> states;
  if (!file_->has("states.name.end")) return states;  // of an older heapglass
  const auto names = file_->strings("states.name"), texts = file_->strings("states.text");
  if (names.size() != texts.size()) file_->fail("states.text", "there is not one for each state");
  for (std::size_t i = 0; i < names.size(); ++i) states.push_back({names[i], texts[i]});
  return states;
}

SnapshotTarget::SnapshotTarget(std::shared_ptr<const SnapshotFile> file, bool owned_by_caller)
    : file_(std::move(file)),
      owned_(owned_by_caller),
      facts_(file_),
      python_(load_runtime(file_, facts_)),
      image_(load_memory(file_)) {}

CaptureOrigin saved_origin(const Metadata& facts) {
  CaptureOrigin origin{.pid = static_cast<std::int32_t>(facts.number("target.pid")),
                       .time_ms = static_cast<std::int64_t>(facts.number("captured_at_ms"))};
  // Newer than the first files.
  if (facts.has("target.host")) origin.host = facts.text("target.host");
  if (facts.has("target.container")) origin.container = facts.text("target.container");
  if (facts.has("target.started")) origin.started = static_cast<std::int64_t>(facts.number("target.started"));
  return origin;
}

std::optional<std::uint64_t> SnapshotTarget::resident_bytes() const {
  if (!facts_.has("target.resident_bytes")) return std::nullopt;
  return facts_.number("target.resident_bytes");
}

std::optional<ResidentMemory> SnapshotTarget::resident_memory() const {
  if (!facts_.has(kResident[0].first)) return std::nullopt;
  ResidentMemory resident;
  for (const auto& [name, part] : kResident)
    if (facts_.has(name)) resident.*part = facts_.number(name);
  return resident;
}

Binaries SnapshotTarget::binaries() { return {python_.binary}; }

Capture SnapshotTarget::capture(const SafePoint&) {
  Capture capture = load_capture(*file_, facts_);
  capture.image = image_;
  return capture;
}

}  // namespace heapglass
