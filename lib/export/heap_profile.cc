#include "lib/export/heap_profile.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <ctime>
#include <map>
#include <unordered_map>
#include <vector>

#include "lib/compare/heap_summary.h"
#include "lib/compare/histogram.h"
#include "lib/export/fleet_rows.h"
#include "lib/render/pprof.h"
#include "lib/report/owner_profile.h"
#include "lib/tracemalloc/trace_statistics.h"
#include "lib/tracemalloc/tracemalloc.h"

namespace heapglass {
namespace {

constexpr unsigned kDeepest = 32;          // names of a path
constexpr std::size_t kMostStacks = 2000;  // of a view
constexpr std::size_t kLongestName = 200;  // bytes of a frame
constexpr std::string_view kOthers = "(others)";

class FrameNumbers {
 public:
  std::uint32_t number_of(const std::string& name) {
    const auto [at, is_new] = numbers_.try_emplace(name, static_cast<std::uint32_t>(names_.size()));
    if (is_new) names_.push_back(name);
    return at->second;
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::vector<std::string> names_;
};

Profile type_profile(const Heap& heap) {
  Profile profile{.name = "types", .unit = "bytes", .frames = {}, .samples = {}};
  for (const TypeCount& type : histogram(heap.graph(), &heap.objects())) {
    profile.samples.push_back(
        {{static_cast<std::uint32_t>(profile.frames.size())}, all_bytes(type), type.count});
    profile.frames.push_back(type.type);
  }
  return profile;
}

// The oldest call that was kept is the outermost.
Profile site_profile(const Heap& heap) {
  Profile profile{.name = "allocation sites", .unit = "bytes", .frames = {}, .samples = {}};
  const Tracemalloc traced = read_tracemalloc(heap.objects());
  if (!traced.tracing) return profile;
  FrameNumbers numbers;
  for (const TraceStatistic& each : trace_statistics(traced.snapshot, TraceGroup::kTraceback, false)) {
    ProfileSample sample{{}, each.size, each.count};
    for (const TraceStatistic::Frame& frame : each.frames)
      sample.stack.push_back(numbers.number_of(frame.file + ":" + std::to_string(frame.line)));
    profile.samples.push_back(std::move(sample));
  }
  profile.frames = numbers.names();
  return profile;
}

// The frames of all stacks as a tree.
class FrameTree {
 public:
  static constexpr std::uint32_t kRoot = 0;
  std::uint32_t below(std::uint32_t parent, std::uint32_t frame) {
    const auto [at, is_new] =
        nodes_.try_emplace(std::uint64_t{parent} << 32 | frame, static_cast<std::uint32_t>(weights_.size()));
    if (is_new) weights_.push_back(0);
    return at->second;
  }
  std::uint64_t& weight(std::uint32_t node) { return weights_[node]; }

 private:
  std::unordered_map<std::uint64_t, std::uint32_t> nodes_;
  std::vector<std::uint64_t> weights_{0};
};

void cut_small_parts(std::vector<ProfileSample>& samples, std::uint64_t least, std::uint32_t others) {
  FrameTree tree;
  for (const ProfileSample& each : samples) {
    std::uint32_t node = FrameTree::kRoot;
    for (const std::uint32_t frame : each.stack) {
      node = tree.below(node, frame);
      tree.weight(node) += each.weight;
    }
  }
  for (ProfileSample& each : samples) {
    std::uint32_t node = FrameTree::kRoot;
    for (std::size_t i = 0; i < each.stack.size(); ++i) {
      node = tree.below(node, each.stack[i]);
      if (tree.weight(node) >= least) continue;
      each.stack.resize(i);
      each.stack.push_back(others);
      break;
    }
  }
}

// Those of one stack as one.
std::vector<ProfileSample> largest_first(std::vector<ProfileSample> samples) {
  std::map<std::vector<std::uint32_t>, std::pair<std::uint64_t, std::uint64_t>> by_stack;
  for (ProfileSample& each : samples) {
    auto& [weight, count] = by_stack[std::move(each.stack)];
    weight += each.weight;
    count += each.count;
  }
  std::vector<ProfileSample> out;
  out.reserve(by_stack.size());
  for (const auto& [stack, sum] : by_stack) out.push_back({stack, sum.first, sum.second});
  std::stable_sort(out.begin(), out.end(),
                   [](const ProfileSample& a, const ProfileSample& b) { return a.weight > b.weight; });
  return out;
}

// From how many bytes on a part of the heap has a name: the same as long as the heap is not twice as large.
std::uint64_t least_part(const Heap& heap) {
  constexpr std::uint64_t kLeast = 16 << 10, kParts = 16384;
  const HeapGraph& graph = heap.graph();
  std::uint64_t total = 0;
  for (std::uint32_t n = 0; n < graph.nodes(); ++n) total += graph.all_bytes(n);
  return std::max(kLeast, std::bit_ceil(total / kParts));
}

}  // namespace

std::string stable_frame(const std::string& name) {
  constexpr std::string_view kOf = " of ";
  std::string text = stable_name(name);
  for (std::size_t at = 0; (at = text.find(kOf, at)) != std::string::npos;) {
    std::size_t end = at + kOf.size();
    while (end < text.size() && (std::isdigit(static_cast<unsigned char>(text[end])) || text[end] == ','))
      ++end;
    const bool is_length = end > at + kOf.size() && (end == text.size() || text[end] == ')');
    if (is_length)
      text.erase(at, end - at);
    else
      at = end;
  }
  if (text.size() > kLongestName) {
    std::size_t end = kLongestName;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // no half character
    text = text.substr(0, end) + "...";
  }
  return text;
}

Profile bounded_profile(const Profile& profile, std::size_t most, std::uint64_t least) {
  FrameNumbers all;
  std::vector<std::uint32_t> stable;
  stable.reserve(profile.frames.size());
  for (const std::string& frame : profile.frames) stable.push_back(all.number_of(stable_frame(frame)));
  std::vector<ProfileSample> samples = profile.samples;
  for (ProfileSample& each : samples) {
    for (std::uint32_t& frame : each.stack) frame = stable[frame];
    each.stack.erase(std::unique(each.stack.begin(), each.stack.end()), each.stack.end());
  }
  if (least > 0) cut_small_parts(samples, least, all.number_of(std::string(kOthers)));
  samples = largest_first(std::move(samples));

  // The names of those that stay, and no others.
  FrameNumbers kept;
  Profile out{.name = profile.name, .unit = profile.unit, .frames = {}, .samples = {}};
  ProfileSample others;
  for (ProfileSample& each : samples) {
    if (out.samples.size() < most) {
      for (std::uint32_t& frame : each.stack) frame = kept.number_of(all.names()[frame]);
      out.samples.push_back(std::move(each));
    } else {
      others.weight += each.weight;
      others.count += each.count;
    }
  }
  if (samples.size() > most) {
    others.stack = {kept.number_of(std::string(kOthers))};
    out.samples.push_back(std::move(others));
  }
  out.frames = kept.names();
  return out;
}

std::string heap_profile(const Heap& heap) {
  const std::uint64_t least = least_part(heap);
  const Profile owners = bounded_profile(owner_profile(heap, kDeepest, least), kMostStacks, least),
                types = bounded_profile(type_profile(heap), kMostStacks),
                sites = bounded_profile(site_profile(heap), kMostStacks);
  std::vector<PprofView> views{{"inuse_objects", "inuse_space", owners},
                               {"type_objects", "type_space", types}};
  if (!sites.samples.empty()) views.push_back({"site_objects", "site_space", sites});
  return pprof_file(views, heap.target().snapshot_time().value_or(std::time(nullptr)));
}

}  // namespace heapglass
