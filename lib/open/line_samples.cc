#include "lib/open/line_samples.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <fstream>
#include <set>

#include "lib/python/frames.h"

namespace heapglass {

LineSamples::LineSamples(pid_t pid)
    : process_(Process::open(pid)),
      statm_(open(("/proc/" + std::to_string(pid) + "/statm").c_str(), O_RDONLY | O_CLOEXEC)) {
  pages_before_ = resident_pages();
  prctl(PR_SET_TIMERSLACK, 1000);  // nanoseconds: sleeps between looks are short
}
LineSamples::~LineSamples() {
  if (statm_ >= 0) close(statm_);
}

std::uint64_t LineSamples::resident_pages() const {
  char text[128];
  const ssize_t n = pread(statm_, text, sizeof text, 0);
  const char* const space =
      n > 0 ? static_cast<const char*>(memchr(text, ' ', static_cast<std::size_t>(n))) : nullptr;
  std::uint64_t pages = 0;
  if (space) std::from_chars(space + 1, text + n, pages);
  return pages;
}

// A thread that waits is on a line too, but makes nothing there.
bool LineSamples::is_on_processor(const RunningThread& thread) const {
  std::uint64_t id = thread.native_id;
  if (id == 0) {
    const auto known = native_of_.find(thread.thread_id);
    if (known == native_of_.end()) return true;  // nobody knows
    id = known->second;
  }
  std::ifstream stat("/proc/" + std::to_string(process_.pid()) + "/task/" + std::to_string(id) + "/stat");
  std::string text;
  if (!std::getline(stat, text)) return true;  // counted in a pid namespace of its own
  const std::size_t name_end = text.rfind(')');
  return name_end != std::string::npos && name_end + 2 < text.size() &&
         (text[name_end + 2] == 'R' || text[name_end + 2] == 'D');
}

void LineSamples::grow(const std::vector<Stack>& at, double bytes) {
  if (at.empty()) elsewhere_ += bytes;
  for (const Stack& stack : at)
    unnamed_[place_of_stack(stack)].second.growth += bytes / static_cast<double>(at.size());
}

std::size_t LineSamples::place_of_stack(const Stack& stack) {
  std::vector<std::pair<std::uint64_t, std::int64_t>> key;
  for (const RunningFrame& f : stack) key.emplace_back(value(f.code), f.offset);
  const auto [place, is_new] = unnamed_at_.try_emplace(std::move(key), unnamed_.size());
  if (is_new) unnamed_.push_back({stack, {}});
  return place->second;
}

double LineSamples::resident_bytes() const {
  return static_cast<double>(pages_before_) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

bool LineSamples::take(const PyRuntime& python) {
  const std::uint64_t pages = resident_pages();
  if (pages == 0) return false;
  // To ask how much there is takes a tenth of what it takes to ask where the threads are: that is asked as
  // soon as there is more, while they are still on the line that made it, and else now and then.
  constexpr auto kNowAndThen = std::chrono::milliseconds(2);
  const auto time = std::chrono::steady_clock::now();
  // After a capture, or a time without a processor, nobody knows which line it was.
  constexpr auto kTooLong = std::chrono::milliseconds(10);
  const bool unseen = polled_ != std::chrono::steady_clock::time_point() && time - polled_ > kTooLong;
  polled_ = time;
  if (pages == pages_before_ && time - looked_ < kNowAndThen) return true;
  looked_ = time;
  std::vector<Stack> now;
  for (RunningThread& thread :
       read_running_frames(process_, python.layout, python.rules, python.runtime, torn_))
    if (!thread.frames.empty() && is_on_processor(thread)) now.push_back(std::move(thread.frames));
  ++samples_;
  const double bytes = (static_cast<double>(pages) - static_cast<double>(pages_before_)) *
                       static_cast<double>(sysconf(_SC_PAGESIZE));
  growth_ += bytes;
  if (unseen)
    unseen_ += bytes;
  else
    grow(now.empty() ? before_ : now, bytes);
  for (const Stack& stack : now) ++unnamed_[place_of_stack(stack)].second.samples;
  pages_before_ = pages;
  before_ = std::move(now);
  return true;
}

void LineSamples::name(const Heap& heap) {
  const Objects& o = heap.objects();
  for (const PyInterpreter& interpreter : heap.interpreters())
    for (const PyThread& thread : interpreter.threads)
      if (thread.thread_id && thread.native_id) native_of_[thread.thread_id] = thread.native_id;
  struct Place {
    std::string file, function;
    int line = 0;
  };
  std::map<std::pair<std::uint64_t, std::int64_t>, std::optional<Place>> known;
  auto place_of = [&](const RunningFrame& f) -> const std::optional<Place>& {
    const auto [at, is_new] = known.try_emplace({value(f.code), f.offset});
    if (!is_new) return at->second;
    const TypeInfo* const type = heap.types().get(o.type_of(f.code));
    constexpr std::int64_t kLongest = 1 << 26;  // bytes of code
    if (!type || type->name != "builtins.code" || f.offset < -64 || f.offset > kLongest) return at->second;
    const auto& l = o.layout().PyCodeObject;
    const Address qualname = o.pointer(f.code, l.co_qualname);
    at->second = Place{o.str(o.pointer(f.code, l.co_filename)).value_or("?"),
                       o.str(is_null(qualname) ? o.pointer(f.code, l.co_name) : qualname).value_or("?"),
                       line_of(o, f.code, f.offset)};
    return at->second;
  };
  for (const auto& [stack, seen] : unnamed_) {
    const std::optional<Place>& innermost = place_of(stack.front());
    if (!innermost) {
      torn_ += seen.samples;
      elsewhere_ += seen.growth;
      continue;
    }
    std::set<std::pair<std::string, int>> counted;  // a line that calls itself is one
    for (const RunningFrame& f : stack) {
      const std::optional<Place>& place = place_of(f);
      if (!place) continue;
      const std::pair<std::string, int> at{place->file, place->line};
      if (!counted.insert(at).second) continue;
      LineUse& use = lines_[at];
      use.file = place->file;
      use.function = place->function;
      use.line = place->line;
      use.cumulative_samples += seen.samples;
      use.cumulative_growth += seen.growth;
      if (&f != &stack.front()) continue;
      use.samples += seen.samples;
      use.growth += seen.growth;
    }
  }
  unnamed_.clear();
  unnamed_at_.clear();
}

}  // namespace heapglass
