#include "platform/sandbox/traverse_plan.h"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "lib/base/page.h"
#include "platform/sandbox/traverse_sandbox_child.h"

namespace heapglass {
namespace {

class PlanMaker {
 public:
  explicit PlanMaker(const TraversePlanOptions& options) : options_(options) {}

  void add(const Backing& b) {
    if (options_.writable && !b.file && contains(b, options_.stack_pointer)) add_stack_growth(b);
    last_end_ = value(b.start) + b.size;
    if (b.descriptor < 0) return;
    if (b.file) {
      add_file(b);
    } else {
      add_anonymous(b);
    }
  }
  std::vector<stub::Map> plan;

 private:
  static bool contains(const Backing& b, std::uint64_t at) {
    return at >= value(b.start) && at - value(b.start) < b.size;
  }
  static int read_protection(const Backing& b) { return PROT_READ | (b.executable ? PROT_EXEC : 0); }

  void add_range(std::uint64_t start, std::uint64_t end, std::uint64_t offset, int protection,
                 int descriptor) {
    if (start >= end) return;
    const int flags =
        MAP_PRIVATE | MAP_FIXED_NOREPLACE | MAP_NORESERVE | (descriptor < 0 ? MAP_ANONYMOUS : 0);
    plan.push_back({start, end - start, offset, protection, flags, descriptor, 0});
  }

  // A stack grows when it is used. In the child it cannot, so that it gets its room at once.
  void add_stack_growth(const Backing& stack) {
    constexpr std::uint64_t kRoom = 8 << 20;
    const std::uint64_t start = value(stack.start);
    add_range(std::max(last_end_, start > kRoom ? start - kRoom : kPage), start, 0, PROT_READ | PROT_WRITE,
              -1);
  }

  // Data of programs and libraries is writable in every child: the first call of a function writes its
  // address there.
  void add_file(const Backing& b) {
    const std::uint64_t start = value(b.start);
    const int protection = read_protection(b) | (b.writable ? PROT_WRITE : 0);
    std::uint64_t at = start;
    for (const Backing::Changed& run : b.changed) {
      const std::uint64_t end = value(run.start) + run.size;
      add_range(at, value(run.start), b.offset + (at - start), protection, b.descriptor);
      add_range(value(run.start), end, changed_at_, protection, options_.changed_pages);
      changed_at_ += run.size;
      at = end;
    }
    add_range(at, start + b.size, b.offset + (at - start), protection, b.descriptor);
  }

  // Thread-local storage lies below the thread pointer, the C library's own data of the thread above it. Both
  // are writable in every child.
  void add_anonymous(const Backing& b) {
    const std::uint64_t start = value(b.start), end = start + b.size;
    const int read = read_protection(b);
    const std::uint64_t tls_start = (options_.thread_pointer - (32 << 10)) / kPage * kPage;
    const std::uint64_t tls_end = (options_.thread_pointer + 2 * kPage) / kPage * kPage;
    if (options_.writable || tls_end <= start || tls_start >= end)
      return add_range(start, end, b.offset, read | (options_.writable && b.writable ? PROT_WRITE : 0),
                       b.descriptor);
    const std::uint64_t from = std::max(start, tls_start), to = std::min(end, tls_end);
    add_range(start, from, b.offset, read, b.descriptor);
    add_range(from, to, b.offset + (from - start), read | PROT_WRITE, b.descriptor);
    add_range(to, end, b.offset + (to - start), read, b.descriptor);
  }

  const TraversePlanOptions options_;
  std::uint64_t changed_at_ = 0;  // in changed_pages
  std::uint64_t last_end_ = 0;
};

}  // namespace

std::vector<stub::Map> plan_of_sandbox(std::span<const Backing> backing, const TraversePlanOptions& options) {
  PlanMaker maker(options);
  for (const Backing& b : backing) maker.add(b);
  return std::move(maker.plan);
}

}  // namespace heapglass
