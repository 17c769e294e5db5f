#include "lib/report/memory_line.h"

#include <algorithm>
#include <cstdlib>

#include "lib/memory/memory_verdict.h"
#include "lib/render/numbers.h"

namespace heapglass {
namespace {

// Less than that is no growth to speak of.
constexpr std::int64_t kLittle = 1'000'000;

struct PartKind {
  const char *key, *words;
  bool python;
  std::initializer_list<MemoryKind> kinds;
};
const PartKind kParts[] = {
    {"python_objects", "Python objects", true, {MemoryKind::kObjects}},
    {"buffers", "their buffers", true, {MemoryKind::kBuffers}},
    {"native", "native (C code's)", false, {MemoryKind::kNative}},
    {"free", "free in the allocators", false, {MemoryKind::kPymallocFree, MemoryKind::kMallocFree}},
    {"files", "code and files", false, {MemoryKind::kCode, MemoryKind::kFiles}},
    {"shared", "shared", false, {MemoryKind::kShared}},
    {"other", "stacks and other", false, {MemoryKind::kStacks, MemoryKind::kOverhead, MemoryKind::kUnknown}},
};

std::uint64_t bytes_of_part(const MemoryBill& bill, const PartKind& part) {
  std::uint64_t bytes = 0;
  for (const MemoryKind kind : part.kinds) bytes += bytes_of(bill, kind);
  return bytes;
}

// A library's own pool where it is most of the native memory; empty: there is none such.
std::string largest_native_of(const MemoryBill& bill) {
  const MemoryRow* largest = nullptr;
  for (const MemoryRow& row : bill.rows)
    if (row.kind == MemoryKind::kNative && (!largest || row.bytes > largest->bytes)) largest = &row;
  if (!largest || largest->bytes * 2 < bytes_of(bill, MemoryKind::kNative)) return {};
  const std::size_t pool = largest->detail.find(kOwnPool);
  if (pool == std::string::npos) return {};
  return human_bytes(largest->bytes) + " of it mapped by " + largest->detail.substr(0, pool) +
         " for a pool of its own";
}

std::int64_t difference(std::uint64_t now, std::uint64_t before) {
  return static_cast<std::int64_t>(now) - static_cast<std::int64_t>(before);
}

}  // namespace

std::vector<MemoryPartSum> memory_part_sums(const MemoryBill& bill) {
  std::vector<MemoryPartSum> sums;
  for (const PartKind& kind : kParts)
    sums.push_back({kind.key, kind.words, bytes_of_part(bill, kind), kind.python});
  return sums;
}

MemoryLine::MemoryLine(const std::optional<MemoryBill>& now, const std::optional<MemoryBill>& before,
                       const std::string& why_none, const std::string& target)
    : known_(now.has_value()), grows_(now && before), why_none_(why_none) {
  if (!known_) return;
  is_rss_ = now->residency_known;
  largest_native_ = largest_native_of(*now);
  rss_ = now->residency_known ? now->rss : now->sum;
  rss_before_ = !before ? 0 : before->residency_known ? before->rss : before->sum;
  for (const PartKind& kind : kParts)
    parts_.push_back({kind.key, kind.words, bytes_of_part(*now, kind),
                      before ? bytes_of_part(*before, kind) : 0, kind.python});
  find_elsewhere(target);
}

void MemoryLine::find_elsewhere(const std::string& target) {
  const std::string next = ": heapglass memory " + target;
  std::int64_t most = 0, python = 0;
  const Part* largest = nullptr;
  for (const Part& part : parts_) {
    const std::int64_t size =
        grows_ ? difference(part.now, part.before) : static_cast<std::int64_t>(part.now);
    if (part.python) {
      python += size;
    } else if (size > most && (grows_ || std::string_view(part.key) == "native")) {
      most = size;
      largest = &part;
    }
  }
  if (!largest || most <= python || most < kLittle) return;
  constexpr std::uint64_t kThird = 3;
  if (grows_)
    elsewhere_ = "most of what grew is no Python object but " + std::string(largest->words) + ", " +
                 signed_bytes(most) + next;
  else if (largest->now > rss_ / kThird)
    elsewhere_ = "most of the memory is no Python object but " + std::string(largest->words) + ", " +
                 human_bytes(largest->now) + (largest_native_.empty() ? "" : ", " + largest_native_) + next;
}

std::string MemoryLine::growth() const {
  std::vector<std::pair<std::int64_t, const char*>> order;
  for (const Part& part : parts_)
    if (const std::int64_t grew = difference(part.now, part.before); std::abs(grew) >= kLittle / 10)
      order.emplace_back(grew, part.words);
  std::sort(order.begin(), order.end(),
            [](const auto& a, const auto& b) { return std::abs(a.first) > std::abs(b.first); });
  std::string text = (is_rss_ ? "; RSS " : "; the captured memory ") +
                     signed_bytes(difference(rss_, rss_before_)) + " since the first look";
  constexpr std::size_t kMost = 3;
  for (std::size_t i = 0; i < std::min(kMost, order.size()); ++i)
    text += (i ? ", " : ": ") + std::string(order[i].second) + " " + signed_bytes(order[i].first);
  return text;
}

void MemoryLine::add_to(Document& document) const {
  const Column for_people{"memory", "memory", Kind::kSentence, Audience::kPeople},
      for_programs{"memory", "", Kind::kText, Audience::kPrograms};
  if (!known_) {
    document.fields.push_back({for_people, "not known: " + why_none_});
    document.fields.push_back({for_programs, Cell()});
    return;
  }
  std::string text = (is_rss_ ? "RSS " : "captured, its RSS is not known, ") + human_bytes(rss_);
  Record record{{{"rss", "", Kind::kBytes}, rss_}};
  bool first = true;
  for (const Part& part : parts_) {
    record.push_back({{part.key, "", Kind::kBytes}, part.now});
    if (part.now == 0) continue;
    text += (first ? ": " : ", ") + human_bytes(part.now) + " " + part.words;
    first = false;
  }
  if (grows_) {
    text += growth();
    record.push_back({{"rss_delta", "", Kind::kBytesDelta}, difference(rss_, rss_before_)});
    for (const Part& part : parts_)
      record.push_back(
          {{std::string(part.key) + "_delta", "", Kind::kBytesDelta}, difference(part.now, part.before)});
  }
  if (!elsewhere_.empty()) record.push_back({{"elsewhere", "", Kind::kSentence}, elsewhere_});
  document.fields.push_back({for_people, text});
  document.fields.push_back({for_programs, std::move(record)});
}

}  // namespace heapglass
