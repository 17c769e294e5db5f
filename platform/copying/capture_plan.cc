#include "platform/copying/capture_plan.h"

#include <chrono>
#include <cstdio>
#include <set>

#include "platform/process/residency.h"
#include "platform/process/threads.h"
#include "platform/process/wait_limit.h"

namespace heapglass {
double stop_ms(std::size_t threads) { return 0.1 + 0.007 * static_cast<double>(threads); }

CapturePlan::CapturePlan(const Process& process, const FreezeRequest& request)
    : process_(process), residency_(request.residency), check_copy_(request.check_copy) {
  const WaitLimit limit(WaitLimit::kFind);  // it opens the target's files
  // One file of each file system first: to open one of a FUSE server takes its pages away from all that have
  // it mapped, and what the plan then lists would be asked of the server in the stop.
  std::set<std::uint64_t> devices;
  for (const Mapping& m : process.mappings())
    if (m.has_file() && devices.insert(m.device).second) process.open_mapped_file(m);
  const auto began = CopyClock::now();
  copier_ = std::make_shared<MemoryCopier>(process, request.urgent);
  prepare_ms_ = std::chrono::duration<double, std::milli>(CopyClock::now() - began).count();
}

const MemoryCopier::Estimate& CapturePlan::estimate() {
  if (!estimate_)
    run_on_priority_thread([&] {
      raise_priority();
      estimate_ = copier_->estimate();
    });
  return *estimate_;
}

std::optional<Residency> CapturePlan::residency(const Mappings& mappings) const {
  return residency_ ? read_residency(process_.pid(), mappings) : std::nullopt;
}

void CapturePlan::finish(Capture& capture) const {
  capture.prepare_ms = prepare_ms_;
  capture.bytes_copied = copier_->bytes_copied();
  capture.image = std::make_shared<Image>();
  copier_->build(capture, copier_);
  if (std::string note = copier_->page_out_again(); !note.empty())
    capture.caveats.push_back({"swap", 0, std::move(note)});
  if (!copier_->sees_pages())
    capture.caveats.push_back(
        {"no-pagemap", 0,
         "/proc/PID/pagemap of the process cannot be read by this user (CAP_DAC_READ_SEARCH would do): all "
         "of "
         "its memory was read, and it may have got page tables for what it had not touched"});
}

}  // namespace heapglass
