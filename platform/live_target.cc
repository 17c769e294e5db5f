#include "platform/live_target.h"

#include <chrono>
#include <thread>

#include "platform/file_guard.h"
#include "platform/freeze_strategies.h"
#include "platform/frozen_copy.h"
#include "platform/mapped_binaries.h"
#include "platform/process_state.h"

namespace heapglass {

LiveTarget::LiveTarget(pid_t pid, const FreezeRequest& freeze)
    : process_(Process::open(pid)), freeze_(freeze) {
  note_facts();
}
LiveTarget::~LiveTarget() = default;

Binaries LiveTarget::binaries() {
  if (binaries_.empty())
    binaries_ = mapped_binaries(
        process_.mappings(), process_.executable(), "/proc/" + std::to_string(process_.pid()) + "/root",
        [this](const Mapping& m) { return process_.open_mapped_file(m); }, &process_);
  return binaries_;
}

void LiveTarget::prepare() { prepared_ = std::make_unique<CapturePlan>(process_, freeze_); }

Capture LiveTarget::capture(const SafePoint& moment) {
  Capture capture;
  std::unique_ptr<CapturePlan> prepared;
  constexpr int kTries = 5;
  for (int tries = 1;; ++tries) {
    if (!prepared_) prepare();
    prepared = std::move(prepared_);
    try {
      capture = capture_with(*prepared, freeze_, moment);
      break;
    } catch (const ThawedMeanwhile&) {
      if (tries == kTries) throw;
    } catch (const Error&) {
      process_.check_alive();  // that it has gone, or is another program, says more
      throw;
    }
  }
  // A way that does not tell it in time tells it a moment later.
  if (!capture.residency) capture.residency = prepared->residency(capture.mappings);
  states_ = states_of(process_, capture);
  was_stopped_ = capture.was_stopped;
  note_facts();
  return capture;
}

void LiveTarget::note_facts() {
  command_line_ = process_.command_line();
  executable_ = process_.executable();
  resident_bytes_ = process_.resident_bytes();
  resident_memory_ = read_resident_memory(process_.pid());
  if (freeze_.sharing && resident_memory_) read_sharing(process_.pid(), *resident_memory_);
  owned_by_caller_ = process_.owned_by_caller();
}

std::vector<std::string> LiveTarget::shrunk_files() const { return heapglass::shrunk_files(); }

// That a process is ending says more than that it cannot be read, which is what it looks like on its way out:
// its memory goes before it is a zombie.
void LiveTarget::check() const {
  for (int i = 0; i < 20; ++i) {
    process_.check_alive();
    process_.mappings();  // throws where there are none any more
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace heapglass
