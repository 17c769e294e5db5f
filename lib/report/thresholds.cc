#include "lib/report/thresholds.h"

#include <algorithm>
#include <iostream>
#include <set>

#include "lib/base/edit_distance.h"
#include "lib/base/error.h"
#include "lib/base/type_name.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

class Between final : public ExpressionSample {
 public:
  Between(const HeapSummary& first, const HeapSummary& last) : first_(first), last_(last) {}

  std::optional<double> measure(const ExpressionMeasure& m) const override {
    const auto now = of(last_, m);
    if (!now || !m.growth) return now;
    const auto then = of(first_, m);
    if (!then) return std::nullopt;
    if (!m.relative) return *now - *then;
    // From nothing to something is more than any percentage.
    if (*then == 0) return *now == 0 ? 0.0 : 1e9;
    return (*now - *then) / *then;
  }

 private:
  static std::optional<double> number(std::optional<std::uint64_t> n) {
    return n ? std::optional(static_cast<double>(*n)) : std::nullopt;
  }

  static std::optional<double> of(const HeapSummary& sample, const ExpressionMeasure& m) {
    if (m.name == "rss" || m.name == "peak") {
      if (!sample.resident) return std::nullopt;
      return number(m.name == "rss" ? sample.resident->rss : sample.resident->peak);
    }
    if (m.name == "objects") return number(sample.objects);
    if (m.name == "pause") return sample.pause_ms;
    if (m.name == "bytes" && m.argument.empty()) return number(sample.bytes);
    std::uint64_t sum = 0;
    if (m.name == "owner" || m.name == "entries") {
      for (const OwnerCount& row : sample.owners)
        if (row.path == m.argument) sum += m.name == "owner" ? row.bytes : row.entries.value_or(0);
      return number(sum);
    }
    if (m.name == "retained" && sample.retained.empty()) return std::nullopt;
    for (std::size_t i = 0; i < sample.types.size(); ++i) {
      const TypeCount& row = sample.types[i];
      if (type_matches(row.type, m.argument))
        sum += m.name == "count" ? row.count : m.name == "bytes" ? all_bytes(row) : sample.retained[i];
    }
    return number(sum);
  }

  const HeapSummary &first_, &last_;
};

bool names_an_owner(const ExpressionMeasure& m) { return m.name == "owner" || m.name == "entries"; }

bool has_what_it_names(const HeapSummary& sample, const ExpressionMeasure& m) {
  if (names_an_owner(m))
    return std::any_of(sample.owners.begin(), sample.owners.end(),
                       [&](const OwnerCount& row) { return row.path == m.argument; });
  return std::any_of(sample.types.begin(), sample.types.end(),
                     [&](const TypeCount& row) { return type_matches(row.type, m.argument); });
}

void require_known(const ExpressionMeasure& m, const HeapSummary& first, const HeapSummary& last) {
  if (m.argument.empty() || has_what_it_names(first, m) || has_what_it_names(last, m)) return;
  std::vector<std::string> names;
  for (const HeapSummary* sample : {&first, &last}) {
    for (const OwnerCount& row : sample->owners)
      if (names_an_owner(m)) names.push_back(row.path);
    for (const TypeCount& row : sample->types)
      if (!names_an_owner(m)) names.push_back(row.type);
  }
  const std::string near = did_you_mean(near_names(m.argument, names, 3));
  throw Error(ErrorKind::kUsage,
              std::string("--fail-if: there is no ") + (names_an_owner(m) ? "owner" : "type") + " '" +
                  m.argument + "' in " + last.target,
              (near.empty() ? "" : near + "; ") + "--missing-ok takes it as 0");
}

}  // namespace

Thresholds::Thresholds(const ThresholdOptions& options) : missing_ok_(options.missing_ok) {
  if (options.text.empty()) return;
  try {
    expression_ = Expression::parse_threshold(options.text, "--fail-if");
  } catch (const Error& error) {
    // The mark under the place is left out: a line of a log says all, and it names the column.
    throw Error(error.kind(), error.what(), error.hint());
  }
}

void Thresholds::require_one_capture() const {
  if (!expression_) return;
  for (const ExpressionMeasure& m : expression_->measures())
    if (m.growth)
      throw Error(ErrorKind::kUsage, "--fail-if: growth(...) is between two captures, and here is one",
                  "use heapglass diff OLD NEW, or watch");
}

bool Thresholds::needs_owners() const {
  if (!expression_) return false;
  const auto measures = expression_->measures();
  return std::any_of(measures.begin(), measures.end(), [](const ExpressionMeasure& m) {
    return m.name == "owner" || m.name == "entries" || m.name == "retained";
  });
}

std::vector<std::string> Thresholds::exceeded(const HeapSummary& first, const HeapSummary& last) const {
  if (!expression_) return {};
  if (!missing_ok_)
    for (const ExpressionMeasure& m : expression_->measures()) require_known(m, first, last);
  const Between between(first, last);
  std::set<std::string> unknown;
  for (const ExpressionMeasure& m : expression_->measures())
    if (!between.measure(m)) unknown.insert(m.name);
  for (const std::string& name : unknown)
    std::cerr << "heapglass: --fail-if: nobody knows " << name << " of " << printable(last.target)
              << ": it exceeds nothing\n";
  const std::vector<std::string> reasons = expression_->exceeded(between);
  for (const std::string& reason : reasons)
    std::cerr << "heapglass: " << printable(last.target) << ": threshold exceeded: " << printable(reason)
              << "\n";
  return reasons;
}

}  // namespace heapglass
