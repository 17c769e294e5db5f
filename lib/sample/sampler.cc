#include "lib/sample/sampler.h"

#include <sys/resource.h>

#include <utility>

#include "lib/base/error.h"
#include "lib/snapshot/saved_bill.h"

namespace heapglass {

double processor_ms() {
  double ms = 0;
  for (const int of : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage used{};
    if (getrusage(of, &used) != 0) continue;
    for (const timeval& each : {used.ru_utime, used.ru_stime})
      ms += static_cast<double>(each.tv_sec) * 1e3 + static_cast<double>(each.tv_usec) / 1e3;
  }
  return ms;
}

Sampler::Sampler(const CommonOptions& common, std::string command)
    : common_(common), command_(std::move(command)) {}

double Sampler::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
}

bool Sampler::take(const SampleNeeds& needs, const std::function<void(const Heap&)>& also) {
  const HeapSummaryOptions wanted{.owners = needs.owners, .retained = needs.retained, .identities = false};
  auto sample = std::make_shared<Sample>();
  sample->seconds = seconds();
  const double before_ms = processor_ms();
  try {
    const auto heap = open_heap(
        common_, {.references = wanted.needs_references(), .residency = needs.bill, .sharing = needs.bill});
    if (count_ == 0 && !heap->target().runs())
      throw Error(ErrorKind::kUsage,
                  command_ + " looks at a process that runs, and '" + common_.target + "' is a file of " +
                      heap->target().name(),
                  "give a process id; heapglass diff compares files");
    sample->summary = summarize(*heap, wanted);
    sample->freeze = heap->capture().freeze;
    if (needs.bill) {
      TakenBill taken = take_bill(*heap);
      sample->summary.bill = std::move(taken.bill);
      sample->summary.why_no_bill = std::move(taken.why_none);
    }
    if (also) also(*heap);
  } catch (const Error& error) {
    // A process may end while it is sampled, but not before it was.
    if (error.kind() != ErrorKind::kUnreachable || count_ == 0) throw;
    ended_ = error.what();
    return false;
  }
  sample->processor_ms = processor_ms() - before_ms;
  before_ = std::exchange(latest_, std::move(sample));
  if (++count_ == 1) first_ = latest_;
  return true;
}

}  // namespace heapglass
