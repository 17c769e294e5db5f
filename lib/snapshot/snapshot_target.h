// A snapshot file as a Target: the process as it was, with those of its bytes that answers need.
#pragma once

#include <memory>

#include "lib/snapshot/saved_graph.h"
#include "lib/snapshot/saved_runtime.h"
#include "lib/target/target.h"

namespace heapglass {

class SnapshotWriter;

// Metadata target.*: what the target says of itself.
void save_target(Metadata& facts, const Target& target);
// Sections states.*: all that is told of the process, of the kernel's and of the interpreter's word.
void save_states(SnapshotWriter& writer, const std::vector<TargetState>& states);

// The origin that is in them, with the time.
CaptureOrigin saved_origin(const Metadata& facts);

class SnapshotTarget final : public Target {
 public:
  // Throws Error kFile.
  SnapshotTarget(std::shared_ptr<const SnapshotFile> file, bool owned_by_caller);

  // What it was taken of: "process 4711". Answers are those of that moment, to the letter.
  std::string name() const override { return facts_.text("target.name"); }
  std::int32_t pid() const override { return static_cast<std::int32_t>(facts_.number("target.pid")); }
  CaptureOrigin origin() const override { return saved_origin(facts_); }
  std::string command_line() const override { return facts_.text("target.command_line"); }
  std::string executable() const override { return facts_.text("target.executable"); }
  std::optional<std::uint64_t> resident_bytes() const override;
  std::optional<ResidentMemory> resident_memory() const override;
  bool owned_by_caller() const override { return owned_; }
  bool runs() const override { return false; }
  std::optional<std::int64_t> snapshot_time() const override {
    return static_cast<std::int64_t>(facts_.number("captured_at_ms") / 1000);
  }
  const MemoryReader& memory() const override { return *image_; }
  Binaries binaries() override;
  void prepare() override {}
  Capture capture(const SafePoint& moment) override;
  std::vector<TargetState> states() const override;
  void check() const override {}

  const SnapshotFile& file() const { return *file_; }
  const Metadata& facts() const { return facts_; }
  const PyRuntime& python() const { return python_; }
  HeapGraph graph(bool references) const { return load_graph(*file_, image_, references); }

 private:
  const std::shared_ptr<const SnapshotFile> file_;
  const bool owned_;
  const Metadata facts_;
  const PyRuntime python_;
  const std::shared_ptr<Image> image_;
};

}  // namespace heapglass
