// A live process as a Target.
#pragma once

#include <functional>
#include <memory>

#include "lib/target/freeze.h"
#include "lib/target/target.h"
#include "platform/copying/demanded_pages.h"
#include "platform/freezing/freeze_strategy.h"
#include "platform/process/process.h"
#include "platform/process/resident_memory.h"

namespace heapglass {

class LiveTarget final : public Target {
 public:
  // Throws Error kUnreachable.
  explicit LiveTarget(pid_t pid, const FreezeRequest& freeze = {});
  ~LiveTarget() override;

  std::string name() const override { return "process " + std::to_string(process_.id()); }
  std::int32_t pid() const override { return process_.id(); }
  CaptureOrigin origin() const override { return origin_; }
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

  // From here on capture() takes no more than the pages that were asked for of the captures before it, and
  // those that are asked for of what it returns, as DemandedPages says.
  void demand_pages();
  // nullptr: capture() takes all.
  DemandedPages* demanded() const { return demanded_.get(); }
  // Called from now on by each capture() of demanded pages while the process is still held, so that what it
  // asks for is of that moment too.
  void decode_while_held(std::function<void(Capture&)> decode) { decode_held_ = std::move(decode); }
  // Undoes that: the next capture() takes all.
  void take_all_pages();

 private:
  Capture capture_demanded(const SafePoint& moment);
  // Later there may be no right any more to ask for them.
  void note_facts();

  Process process_;
  CaptureOrigin origin_;
  std::string command_line_, executable_;
  std::uint64_t resident_bytes_ = 0;
  std::optional<ResidentMemory> resident_memory_;
  bool owned_by_caller_ = false;
  FreezeRequest freeze_;
  Binaries binaries_;
  std::unique_ptr<CapturePlan> prepared_;
  std::unique_ptr<DemandedPages> demanded_;
  std::function<void(Capture&)> decode_held_;
  bool was_stopped_ = false;
  std::vector<TargetState> states_;
};

}  // namespace heapglass
