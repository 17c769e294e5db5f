// A live process as a Target.
#pragma once

#include "lib/target/freeze.h"
#include "lib/target/target.h"
#include "platform/freeze_strategy.h"
#include "platform/process.h"
#include "platform/resident_memory.h"

namespace heapglass {

class LiveTarget final : public Target {
 public:
  // Throws Error kUnreachable.
  explicit LiveTarget(pid_t pid, const FreezeRequest& freeze = {});
  ~LiveTarget() override;

  std::string name() const override { return "process " + std::to_string(process_.id()); }
  std::int32_t pid() const override { return process_.id(); }
  std::string command_line() const override { return command_line_; }
  std::string executable() const override { return executable_; }
  std::optional<std::uint64_t> resident_bytes() const override { return resident_bytes_; }
  std::optional<ResidentMemory> resident_memory() const override { return resident_memory_; }
  bool owned_by_caller() const override { return owned_by_caller_; }
  bool runs() const override { return !was_stopped_; }
  const MemoryReader& memory() const override { return process_; }
  Binaries binaries() override;
  void prepare() override;
  Capture capture(const SafePoint& moment) override;
  std::vector<TargetState> states() const override { return states_; }
  std::vector<std::string> shrunk_files() const override;
  void check() const override;

 private:
  // Later there may be no right any more to ask for them.
  void note_facts();

  Process process_;
  std::string command_line_, executable_;
  std::uint64_t resident_bytes_ = 0;
  std::optional<ResidentMemory> resident_memory_;
  bool owned_by_caller_ = false;
  FreezeRequest freeze_;
  Binaries binaries_;
  std::unique_ptr<CapturePlan> prepared_;
  bool was_stopped_ = false;
  std::vector<TargetState> states_;
};

}  // namespace heapglass
