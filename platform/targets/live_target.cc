#include "platform/targets/live_target.h"

#include <chrono>
#include <thread>

#include "lib/base/wall_clock.h"
#include "platform/binaries/mapped_binaries.h"
#include "platform/files/file_guard.h"
#include "platform/freezing/freeze_copy.h"
#include "platform/freezing/freeze_none.h"
#include "platform/freezing/freeze_strategies.h"
#include "platform/freezing/frozen_copy.h"
#include "platform/process/process_origin.h"
#include "platform/process/process_state.h"
#include "platform/process/system_calls.h"
#include "platform/process/threads.h"

namespace heapglass {

LiveTarget::LiveTarget(pid_t pid, const FreezeRequest& freeze)
    : process_(Process::open(pid)), freeze_(freeze) {
  origin_ = origin_of(process_);
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

void LiveTarget::prepare() {
  if (!demanded_) prepared_ = std::make_unique<CapturePlan>(process_, freeze_);
}

void LiveTarget::demand_pages() { demanded_ = std::make_unique<DemandedPages>(process_); }
void LiveTarget::take_all_pages() {
  demanded_.reset();
  decode_held_ = nullptr;
}

Capture LiveTarget::capture_demanded(const SafePoint& moment) {
  const auto take = [&](Capture& capture, CopyClock::time_point until, bool) {
    const bool complete = demanded_->take(capture.mappings, until);
    capture.image = demanded_->image();
    if (complete && decode_held_) decode_held_(capture);
    return complete;
  };
  // The first shows only which pages are read: nothing need be held for that.
  if (freeze_.mode == FreezeMode::kNone || demanded_->pages_wanted() == 0) {
    Capture capture = take_running(process_, moment, take);
    capture.freeze = name_of(freeze_.mode == FreezeMode::kNone ? FreezeMode::kNone : FreezeMode::kCopy);
    return capture;
  }
  // To look at a page and read it.
  constexpr double kMsPerPage = 0.003;
  const double estimate = stop_ms(list_threads(process_.pid()).size()) +
                          kMsPerPage * static_cast<double>(demanded_->pages_wanted());
  if (freeze_.max_pause_ms && estimate > *freeze_.max_pause_ms)
    throw Error(ErrorKind::kUnreachable,
                name() + " was not stopped: that and to read " + std::to_string(demanded_->pages_wanted()) +
                    " pages of it would hold it for about " + as_ms(estimate) + ", --max-pause permits " +
                    as_ms(*freeze_.max_pause_ms),
                "--freeze=none would fit: it does not hold it, and leaves out what changes while it reads");
  auto [capture, complete] = take_held(process_, moment, freeze_.max_pause_ms, take);
  if (!complete)
    throw Error(ErrorKind::kUnreachable,
                name() + " was resumed after " + as_ms(capture.pause_ms) + ": to read " +
                    std::to_string(demanded_->pages_wanted()) + " pages of it took longer than the " +
                    as_ms(*freeze_.max_pause_ms) + " of --max-pause",
                "try again at a quieter moment; --freeze=none does not hold it");
  capture.freeze = name_of(FreezeMode::kCopy);
  return std::move(capture);
}

Capture LiveTarget::capture(const SafePoint& moment) {
  Capture capture;
  std::unique_ptr<CapturePlan> prepared;
  constexpr int kTries = 5;
  for (int tries = 1;; ++tries) {
    try {
      if (demanded_) {
        capture = capture_demanded(moment);
        break;
      }
      if (!prepared_) prepare();
      prepared = std::move(prepared_);
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
  if (prepared && !capture.residency) capture.residency = prepared->residency(capture.mappings);
  name_threads(process_.pid(), capture.threads);
  if (capture.image) name_restarted_calls(*capture.image, capture.threads);
  capture.time_ms = milliseconds_since_1970();
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
  if (freeze_.sharing && resident_memory_) {
    read_sharing(process_.pid(), *resident_memory_);
    read_shared_mappings(process_.pid(), *resident_memory_);
  }
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
