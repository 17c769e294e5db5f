// heapglass diff: what becomes more while one watches.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <thread>
#include <tuple>

#include "cmd/session.h"
#include "lib/analysis/type_growth.h"
#include "lib/base/error.h"
#include "lib/graph/objgraph_labels.h"
#include "lib/python/text_repr.h"
#include "lib/render/output.h"
#include "lib/render/write_report.h"

namespace heapglass {
namespace {

// "10s", "500ms", "2m", "10": seconds where no unit is given.
std::chrono::milliseconds parse_interval(const std::string& text) {
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const std::string unit = text.substr(digits);
  const long long factor = unit.empty() || unit == "s" ? 1000
                           : unit == "ms"              ? 1
                           : unit == "m"               ? 60'000
                           : unit == "h"               ? 3'600'000
                                                       : 0;
  if (digits == 0 || factor == 0)
    throw Error(ErrorKind::kUsage, "--every '" + text + "' is no time", "give it as 500ms, 10s or 2m");
  const long long number = parse_count("--every", text.substr(0, digits), 1, 1'000'000);
  return std::chrono::milliseconds(number * factor);
}

// objgraph.show_growth: types that have more objects than they ever had before, most growth first.
class LikeObjgraph {
 public:
  LikeObjgraph(bool long_names, std::size_t limit) : long_names_(long_names), limit_(limit) {}

  void take(const CommonOptions& common, std::ostream& out) {
    const auto session = Session::open(common, {.graph = false});
    std::vector<std::tuple<std::string, std::uint64_t, std::uint64_t>> grown;
    for (const auto& [name, count] :
         objgraph_common_types(session->types(), session->interpreters(), long_names_, 0)) {
      std::uint64_t& peak = peaks_[name];
      if (count <= peak) continue;
      grown.emplace_back(name, count, count - peak);
      peak = count;
    }
    std::stable_sort(grown.begin(), grown.end(),
                     [](const auto& a, const auto& b) { return std::get<2>(a) > std::get<2>(b); });
    if (limit_ && grown.size() > limit_) grown.resize(limit_);
    std::size_t width = 0;
    for (const auto& row : grown) width = std::max(width, code_points(std::get<0>(row)));
    for (const auto& [name, count, delta] : grown) {
      char figures[64];
      std::snprintf(figures, sizeof figures, "%9llu %+9lld\n", static_cast<unsigned long long>(count),
                    static_cast<long long>(delta));
      out << name << std::string(width - code_points(name), ' ') << figures;
    }
    out.flush();
  }

 private:
  const bool long_names_;
  const std::size_t limit_;
  std::map<std::string, std::uint64_t> peaks_;
};

struct Moment {
  std::vector<TypeCount> types;
  double pause_ms = 0;
};

Moment look(const CommonOptions& common) {
  const auto session = Session::open(common, {.references = false});
  return {histogram(session->graph(), &session->objects()), session->capture().pause_ms};
}

}  // namespace

int run_diff(const std::vector<std::string>& arguments) {
  CommandLine line("diff", "what becomes more while one watches, by type");
  std::string every = "10s", times = "2", limit, sort = "bytes", style = "default";
  bool long_names = false;
  auto add = line.own().add_options();
  add("every", options::value(&every)->value_name("TIME"),
      "look again after this long: 500ms, 10s (default), 2m");
  add("times", options::value(&times)->value_name("N"),
      "look this many times (default 2), the first and the last are compared");
  add("limit,n", options::value(&limit)->value_name("N"),
      "this many types (default 20, in growth style 10), 0: all");
  add("sort", options::value(&sort)->value_name("KEY"), "by what became most: bytes (default) or count");
  add("style", options::value(&style)->value_name("NAME"),
      "default, or growth: what objgraph.show_growth prints each time, of tracked objects only");
  add("longnames", options::bool_switch(&long_names), "in growth style: types with their module");
  if (!line.parse(arguments)) return kExitDone;
  const CommonOptions& common = line.common();
  const auto interval = parse_interval(every);
  const auto looks = parse_count("--times", times, 2, 1'000'000);
  if (style != "default" && style != "growth")
    throw Error(ErrorKind::kUsage, "--style '" + style + "' is none of default, growth");
  const bool growth = style == "growth";
  if (long_names && !growth) throw Error(ErrorKind::kUsage, "--longnames goes with --style growth");
  if (sort != "bytes" && sort != "count")
    throw Error(ErrorKind::kUsage, "--sort '" + sort + "' is none of bytes, count");
  if (growth && (sort != "bytes" || !(common.format.empty() || common.format == "text")))
    throw Error(ErrorKind::kUsage, "--style growth is a text by count: it takes no --sort or --format");
  if (limit.empty()) limit = growth ? "10" : "20";
  const auto most = static_cast<std::size_t>(parse_count("--limit", limit, 0, 1'000'000'000));

  // The time between two looks, not between the end of one and the start of the next.
  const auto began = std::chrono::steady_clock::now();
  auto wait_for = [&](long long i) { std::this_thread::sleep_until(began + i * interval); };
  if (growth) {
    Output output(common.output);
    LikeObjgraph like(long_names, most);
    for (long long i = 0; i < looks; ++i) {
      wait_for(i);
      if (i > 0 && output.is_terminal()) output.stream() << '\n';
      like.take(common, output.stream());
    }
    output.commit();
    return kExitDone;
  }
  const Moment first = look(common);
  Moment last;
  std::map<std::string, std::int64_t> never_less;  // types that only grew, by how often they did
  std::vector<TypeCount> previous = first.types;
  double longest = first.pause_ms;
  for (long long i = 1; i < looks; ++i) {
    wait_for(i);
    last = look(common);
    longest = std::max(longest, last.pause_ms);
    for (const TypeGrowth& row : type_growth(previous, last.types))
      if (row.count_delta() > 0) ++never_less[row.type];
    previous = last.types;
  }
  std::vector<TypeGrowth> rows = type_growth(first.types, last.types);
  std::int64_t count = 0, bytes = 0;
  for (const TypeGrowth& row : rows) {
    count += row.count_delta();
    bytes += row.bytes_delta();
  }
  std::erase_if(rows, [](const TypeGrowth& r) { return r.count_delta() == 0 && r.bytes_delta() == 0; });
  std::stable_sort(rows.begin(), rows.end(), [&](const TypeGrowth& a, const TypeGrowth& b) {
    return sort == "bytes" ? a.bytes_delta() > b.bytes_delta() : a.count_delta() > b.count_delta();
  });
  const std::size_t in_all = rows.size();
  if (most && rows.size() > most) rows.resize(most);

  Document document;
  document.fields.push_back({{"total", "", Kind::kText, Audience::kPrograms},
                             Record{{{"count_delta", "", Kind::kCountDelta}, count},
                                    {{"bytes_delta", "", Kind::kBytesDelta}, bytes}}});
  document.fields.push_back(
      {{"pause_ms", "longest pause", Kind::kMilliseconds, Audience::kPrograms}, longest});
  Table table{.key = "types",
              .columns = {{"type", "type", Kind::kText},
                          {"count_before", "before", Kind::kCount},
                          {"count_after", "after", Kind::kCount},
                          {"count_delta", "objects", Kind::kCountDelta},
                          {"bytes_delta", "bytes", Kind::kBytesDelta},
                          {"grew", "grew", Kind::kText}}};
  for (const TypeGrowth& r : rows)
    table.rows.push_back({r.type, r.count_before, r.count_after, r.count_delta(), r.bytes_delta(),
                          std::to_string(never_less[r.type]) + " of " + std::to_string(looks - 1)});
  table.totals = Row{"all objects", Cell(), Cell(), count, bytes, Cell()};
  if (rows.size() < in_all)
    table.notes.push_back(std::to_string(in_all - rows.size()) + " more types changed: --limit 0 shows all");
  document.sections.push_back(std::move(table));
  RenderOptions render;
  render.exact_bytes = common.exact_bytes;
  for (const std::string& warning :
       write_report(document, {common.output, common.format, "text", 0644}, render))
    std::cerr << "heapglass: " << warning << "\n";
  return kExitDone;
}

}  // namespace heapglass
