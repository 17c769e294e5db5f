#include "platform/freeze_copy.h"

#include <chrono>
#include <cstdio>
#include <string>

#include "lib/base/error.h"
#include "platform/stopped_process.h"
#include "platform/threads.h"

namespace heapglass {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::string decimal(double number, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof text, "%.1f %s", number, unit);
  return text;
}

std::string as_ms(double ms) { return decimal(ms, "ms"); }
std::string as_mb(std::uint64_t bytes) { return decimal(static_cast<double>(bytes) / 1e6, "MB"); }

// Stopping and letting go: 0.03 to 0.1 ms for a few threads, 0.4 for 66, 3.5 for 502.
double stop_ms(std::size_t threads) { return 0.1 + 0.007 * static_cast<double>(threads); }

void refuse_if_too_long(const Process& process, MemoryCopier& copier, double max_pause_ms) {
  const MemoryCopier::Estimate copy = copier.estimate();
  // One run differs from the next by about a tenth on a quiet machine.
  const double ms = stop_ms(list_threads(process.pid()).size()) + 1.1 * copy.ms;
  if (ms <= max_pause_ms) return;
  throw Error(ErrorKind::kUnreachable,
              "process " + std::to_string(process.pid()) + " was not stopped: copying its " +
                  as_mb(copy.bytes) + " would hold it for about " + as_ms(ms) + " at the " +
                  decimal(copy.gigabytes_per_second, "GB/s") + " of this moment, --max-pause permits " +
                  as_ms(max_pause_ms),
              "--freeze=none would fit: it does not hold it, and leaves out what changes while it reads");
}

}  // namespace

FreezeCopy::FreezeCopy(const Process& process) : process_(process) {
  const auto began = Clock::now();
  copier_ = std::make_shared<MemoryCopier>(process);
  prepare_ms_ = ms_since(began);
}

Capture FreezeCopy::take(std::optional<double> max_pause_ms) {
  Capture capture;
  capture.freeze = "copy";
  StopOptions options;
  const auto limit = std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double, std::milli>(max_pause_ms.value_or(0)));
  if (max_pause_ms) {
    on_urgent_thread([&] { refuse_if_too_long(process_, *copier_, *max_pause_ms); });
    options.longest_try = std::min(options.longest_try, limit);
  }
  bool complete = false;
  capture.pause_ms =
      while_stopped(process_.pid(), options, [&](StoppedProcess& stopped, Clock::time_point since) {
        process_.check_alive();
        capture.mappings = process_.mappings();
        complete = copier_->copy(capture.mappings, max_pause_ms ? since + limit : Clock::time_point::max());
        capture.threads = stopped.threads();
        capture.was_stopped = stopped.in_group_stop();
      });
  if (!complete)
    throw Error(ErrorKind::kUnreachable,
                "process " + std::to_string(process_.pid()) + " was let go after " + as_ms(capture.pause_ms) +
                    ": copying took longer than estimated, " + as_mb(copier_->bytes_copied()) + " of " +
                    as_mb(copier_->bytes_listed()) + " were copied within the " + as_ms(*max_pause_ms) +
                    " of --max-pause",
                "try again at a quieter moment; --freeze=none does not hold it");
  finish(capture);
  return capture;
}

Capture FreezeCopy::take_running() {
  Capture capture;
  capture.freeze = "none";
  process_.check_alive();
  capture.mappings = process_.mappings();
  capture.threads = look_at_threads(process_.pid());
  capture.was_stopped = !capture.threads.empty() && capture.threads.front().state == 'T';
  copier_->copy(capture.mappings, Clock::time_point::max());
  process_.check_alive();
  process_.mappings();  // throws where they went meanwhile
  finish(capture);
  return capture;
}

void FreezeCopy::finish(Capture& capture) {
  capture.prepare_ms = prepare_ms_;
  capture.bytes_copied = copier_->bytes_copied();
  capture.image = std::make_shared<Image>();
  copier_->build(capture, copier_);
}

}  // namespace heapglass
