#include "lib/report/walk_answers.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "lib/base/error.h"
#include "lib/expression/expression.h"
#include "lib/graph/neighbourhood.h"
#include "lib/python/describe.h"
#include "lib/query/heap_as_tables.h"
#include "lib/render/json.h"
#include "lib/render/picture_file.h"
#include "lib/report/graph_drawer.h"
#include "lib/report/object_report.h"
#include "lib/report/objects_report.h"
#include "lib/report/query_report.h"
#include "lib/report/report_page.h"

namespace heapglass {
namespace {

constexpr std::size_t kLongestCell = 2000;  // columns
constexpr std::size_t kUsualRows = 100, kMostAnswered = 5000, kMostTypeNames = 20'000;
constexpr std::chrono::seconds kQueryTime{20};

std::size_t limit_of(const WalkQuestion& question) {
  const std::string* const text = question.find("limit");
  if (!text) return kUsualRows;
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc() || end != text->data() + text->size() || limit == 0 || limit > kMostAnswered)
    throw Error(ErrorKind::kUsage, "invalid limit '" + *text + "'",
                "use 1 to " + std::to_string(kMostAnswered));
  return limit;
}

const std::string& needed(const WalkQuestion& question, std::string_view name) {
  if (const std::string* const text = question.find(name)) return *text;
  throw Error(ErrorKind::kUsage, question.path + " needs " + std::string(name));
}

const WalkedHeap& heap_of(std::span<const WalkedHeap* const> heaps, const WalkQuestion& question) {
  const std::string* const letter = question.find("in");
  if (!letter) return *heaps.front();
  for (std::size_t i = 0; i < heaps.size(); ++i)
    if (*letter == std::string(1, static_cast<char>('A' + i))) return *heaps[i];
  throw Error(ErrorKind::kUsage, "there is no target '" + *letter + "'",
              heaps.size() > 1 ? "use A or B" : "there is one target, A");
}

// 0x7f10, 7f10 or decimal with a 'd' nowhere: as the page writes it, hexadecimal.
NodeId object_of(const Heap& heap, const WalkQuestion& question) {
  std::string_view text = needed(question, "id");
  if (text.starts_with("0x")) text.remove_prefix(2);
  std::uint64_t address = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), address, 16);
  if (error != std::errc() || end != text.data() + text.size())
    throw Error(ErrorKind::kUsage, "'" + needed(question, "id") + "' is no address",
                "write it as 0x7f10a2b3c4d0");
  return heap.select({}, {Address{address}}).front();
}

Document find_objects(const Heap& heap, const WalkQuestion& question) {
  static constexpr std::pair<std::string_view, ObjectsSort> kSorts[] = {{"size", ObjectsSort::kSize},
                                                                        {"retained", ObjectsSort::kRetained},
                                                                        {"refcount", ObjectsSort::kRefcount},
                                                                        {"length", ObjectsSort::kLength},
                                                                        {"id", ObjectsSort::kId}};
  ObjectsAsked asked{.sort = ObjectsSort::kRetained, .most = limit_of(question)};
  if (const std::string* const type = question.find("type"); type && !type->empty())
    asked.types.push_back(*type);
  if (const std::string* const where = question.find("where"); where && !where->empty())
    asked.condition.emplace(Expression::parse(*where, "where"));
  if (const std::string* const sort = question.find("sort")) {
    const auto* const found = std::find_if(std::begin(kSorts), std::end(kSorts),
                                           [&](const auto& each) { return each.first == *sort; });
    if (found == std::end(kSorts))
      throw Error(ErrorKind::kUsage, "invalid sort '" + *sort + "'",
                  "use size, retained, refcount, length or id");
    asked.sort = found->second;
  }
  return objects_document(heap, asked);
}

Document dominated(const Heap& heap, const WalkQuestion& question) {
  const NodeId above = object_of(heap, question);
  const Dominators& dominators = heap.dominators();
  std::vector<NodeId> below;
  for (std::uint32_t n = 0; n < heap.graph().nodes(); ++n)
    if (dominators.dominator(NodeId{n}) == above) below.push_back(NodeId{n});
  const std::size_t shown = std::min(limit_of(question), below.size());
  std::partial_sort(below.begin(), below.begin() + static_cast<std::ptrdiff_t>(shown), below.end(),
                    [&](NodeId a, NodeId b) {
                      const std::uint64_t x = dominators.retained_bytes(a), y = dominators.retained_bytes(b);
                      return x != y ? x > y : index(a) < index(b);
                    });
  Document document;
  document.fields.push_back({{"matches", "", Kind::kCount}, std::uint64_t{below.size()}});
  Table table{.key = "objects",
              .columns = {{"id", "id", Kind::kAddress},
                          {"type", "type", Kind::kText},
                          {"repr", "repr", Kind::kText},
                          {"retained_bytes", "retained", Kind::kBytes},
                          {"retained_objects", "objects", Kind::kCount}}};
  for (std::size_t i = 0; i < shown; ++i) {
    const TypeInfo& type = *heap.type_of(below[i]).info;
    table.rows.push_back(
        {heap.address(below[i]), type.name, short_repr(heap.types(), heap.address(below[i]), type),
         dominators.retained_bytes(below[i]), std::uint64_t{dominators.retained_objects(below[i])}});
  }
  document.sections.push_back(std::move(table));
  return document;
}

Document rows_of(const Heap& heap, const WalkQuestion& question) {
  const HeapAsTables tables(heap);
  // SQLite does not look whether it is to end within one call of a function: then this process ends.
  const QueryResult result = run_query(tables.schema(), needed(question, "sql"),
                                       {.rows = limit_of(question), .time = kQueryTime, .on_stuck = [] {
                                          _exit(static_cast<int>(ErrorKind::kUsage));
                                        }});
  if (result.timed_out)
    throw Error(ErrorKind::kUsage,
                "the query did not end within " + std::to_string(kQueryTime.count()) + " s",
                "narrow it with WHERE and LIMIT");
  Document document;
  document.fields.push_back({{"cut", ""}, result.cut});
  document.sections.push_back(rows_table(result));
  return document;
}

Document names(const Heap& heap) {
  Document document;
  List types;
  for (const std::string& name : heap.type_names()) {
    if (types.size() == kMostTypeNames) break;
    types.push_back(name);
  }
  document.fields.push_back({{"types", ""}, std::move(types)});
  const HeapAsTables tables(heap);
  std::vector<std::string> sql = sql_words();
  for (const QueryFunction& each : tables.schema().functions) sql.emplace_back(each.name);
  std::sort(sql.begin(), sql.end());
  document.fields.push_back({{"sql", ""}, List(sql.begin(), sql.end())});
  Table conditions{.key = "conditions", .columns = {{"word", ""}, {"what", ""}}};
  for (const ExpressionWord& each : expression_words())
    conditions.rows.push_back({std::string(each.word), std::string(each.meaning)});
  document.sections.push_back(std::move(conditions));
  document.sections.push_back(tables_table(tables.schema()));
  return document;
}

std::string picture_of(const Heap& heap, const WalkQuestion& question) {
  const NodeId object = object_of(heap, question);
  const Expression stop_at = Expression::parse("proper_module", "stop-at");
  Labels& labels = heap.labels();
  NeighbourhoodOptions how{.referrers = true, .max_depth = 5, .too_many = 5};
  how.most_nodes = 60;
  how.stop_at = [&](NodeId n) { return n != object && stop_at.matches(heap.view(), labels.address(n)); };
  how.rank = rank_by_module(labels);
  const Neighbourhood around = neighbourhood(heap.graph(), heap.referrers(), {object}, how);
  GraphDrawer drawer(heap, {.extra_info = {ExtraInfo::kRetained}});
  const Picture picture = drawer.draw(around, "Who holds it", true, how.max_depth);
  RenderOptions options;
  options.picture_deadline = std::chrono::seconds(10);
  Warnings warnings;
  return draw(picture, "svg", options, warnings);
}

int nibble(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

std::string decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && nibble(text[i + 1]) >= 0 && nibble(text[i + 2]) >= 0) {
      out += static_cast<char>(nibble(text[i + 1]) * 16 + nibble(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace

const std::string* WalkQuestion::find(std::string_view name) const {
  for (const auto& [key, text] : parameters)
    if (key == name) return &text;
  return nullptr;
}

WalkQuestion parse_question(std::string_view target) {
  WalkQuestion question;
  const std::size_t mark = target.find('?');
  question.path = decoded(target.substr(0, mark));
  std::string_view rest = mark == target.npos ? std::string_view() : target.substr(mark + 1);
  constexpr std::size_t kMostParameters = 16;
  while (!rest.empty() && question.parameters.size() < kMostParameters) {
    const std::string_view one = rest.substr(0, rest.find('&'));
    rest = one.size() == rest.size() ? std::string_view() : rest.substr(one.size() + 1);
    const std::size_t equals = one.find('=');
    std::string name = decoded(one.substr(0, equals));
    if (question.find(name)) continue;
    question.parameters.emplace_back(std::move(name),
                                     equals == one.npos ? std::string() : decoded(one.substr(equals + 1)));
  }
  return question;
}

WalkedHeap::WalkedHeap(const Heap& heap) : heap_(heap), sites_(heap) {
  constexpr std::uint64_t kMostReferences = 8'000'000;  // in objects with many: some 220 MB
  heap.labels().prepare_large(kMostReferences);
  if (heap.graph().nodes() == 0) return;
  const NodeId any{0};  // each of these is computed once, for all objects
  (void)heap.weak_references(any);
  (void)heap.dominators();
  (void)heap.root_paths().shortest(any, 1);
}

WalkAnswer answer_walk(std::span<const WalkedHeap* const> heaps, const WalkQuestion& question) {
  using Make = Document (*)(const WalkedHeap&, const WalkQuestion&);
  static constexpr std::pair<std::string_view, Make> kQuestions[] = {
      {"/object",
       [](const WalkedHeap& h, const WalkQuestion& q) {
         return object_document(h.heap(), object_of(h.heap(), q), limit_of(q), h.sites());
       }},
      {"/objects", [](const WalkedHeap& h, const WalkQuestion& q) { return find_objects(h.heap(), q); }},
      {"/dominated", [](const WalkedHeap& h, const WalkQuestion& q) { return dominated(h.heap(), q); }},
      {"/query", [](const WalkedHeap& h, const WalkQuestion& q) { return rows_of(h.heap(), q); }},
      {"/names", [](const WalkedHeap& h, const WalkQuestion&) { return names(h.heap()); }}};
  try {
    const WalkedHeap& heap = heap_of(heaps, question);
    if (question.path == "/picture") return {200, "image/svg+xml", picture_of(heap.heap(), question)};
    for (const auto& [path, make] : kQuestions)
      if (question.path == path)
        return {200, "application/json", page_json(make(heap, question), kLongestCell)};
    return {404, "application/json", "{\"error\": " + json_string("there is no " + question.path) + "}"};
  } catch (const Error& error) {
    return {400, "application/json",
            "{\"error\": " + json_string(error.what()) + ", \"hint\": " + json_string(error.hint()) + "}"};
  }
}

}  // namespace heapglass
