// Holds what heapglass exported against the truth that a program wrote of itself
// (testdata/programs/truth.py). For tests and scripts/exactness.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "cmd/tests/truth/comparison.h"
#include "lib/render/utf8.h"

namespace heapglass::truth {
namespace {

constexpr const char* kUsage =
    R"(usage: heapglass_compare_truth EXPORT TRUTH [TRUTH...] [--guesses RATE] [--json FILE] [--rows N] [--allow N]

EXPORT is `heapglass export PID --format jsonl`, or a truth that another is held against; TRUTH is a file of truth.py
(several: one an interpreter). Prints a table of the types that differ, with an example each, and closes with one line
of rates. Exit: 0 nothing differs, 1 something does, 2 the files cannot be compared.

--guesses RATE  guessed references are references; as much of both must be found and right
--json FILE     the rates and the differing types are written there, too
--rows N        so many types are printed (30)
--allow N       so many differences are no error: of a program that works on (0)
)";

struct Options {
  std::vector<std::string> files;
  std::optional<double> guesses;
  std::string json;
  std::size_t rows = 30;
  std::uint64_t allowed = 0;
};

std::optional<Options> parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("--")) {
      options.files.push_back(word);
      continue;
    }
    if (++i == argc) return {};
    char* end = argv[i] + std::strlen(argv[i]);
    if (word == "--guesses")
      options.guesses = std::strtod(argv[i], &end);
    else if (word == "--json")
      options.json = argv[i];
    else if (word == "--rows")
      options.rows = std::strtoul(argv[i], &end, 10);
    else if (word == "--allow")
      options.allowed = std::strtoul(argv[i], &end, 10);
    else
      return {};
    if (*end) return {};
  }
  if (options.files.size() < 2) return {};
  return options;
}

// In ASCII; what is not is written as JSON and Python's sources escape it.
std::string ascii(std::string_view text) {
  std::string to;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text.substr(at));
    const char32_t unit = point.value;  // lone surrogates among them
    char escaped[16] = "";
    if (unit >= 0x10000) {
      std::snprintf(escaped, sizeof escaped, "\\u%04x\\u%04x", 0xD7C0 + static_cast<unsigned>(unit >> 10),
                    0xDC00 + static_cast<unsigned>(unit & 0x3FF));
    } else if (unit < 0x20 || unit > 0x7E || unit == '"' || unit == '\\') {
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(unit));
    }
    to += *escaped ? std::string(escaped) : std::string(1, static_cast<char>(unit));
    at += point.bytes;
  }
  return to;
}

bool any(const Comparison::OfType& type) {
  return std::any_of(type.wrong.begin(), type.wrong.end(), [](std::uint64_t n) { return n > 0; });
}

using Row = std::pair<std::string, const Comparison::OfType*>;
std::vector<Row> differing(const Comparison& result) {
  std::vector<Row> rows;
  for (const auto& [name, type] : result.types())
    if (any(type)) rows.emplace_back(name, &type);
  const auto weight = [](const Row& row) {
    std::uint64_t all = 0;
    for (const std::uint64_t n : row.second->wrong) all += n;
    return all - row.second->wrong[kRefcount];
  };
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    return std::pair(weight(a), a.second->wrong[kRefcount]) >
           std::pair(weight(b), b.second->wrong[kRefcount]);
  });
  return rows;
}

void print_differences(const Comparison& result, std::size_t most) {
  const std::vector<Row> rows = differing(result);
  if (!rows.empty()) {
    std::printf("%-40s%9s", "type", "objects");
    for (const char* name : kDifferences) std::printf("%9s", name);
    std::printf("\n");
  }
  for (std::size_t i = 0; i < std::min(most, rows.size()); ++i) {
    const Comparison::OfType& type = *rows[i].second;
    std::printf("%-40.40s%9llu", ascii(rows[i].first).c_str(), static_cast<unsigned long long>(type.objects));
    for (const std::uint64_t n : type.wrong) std::printf("%9llu", static_cast<unsigned long long>(n));
    std::printf("\n");
    for (std::size_t kind = 0; kind < kDifferences.size(); ++kind)
      if (!type.example[kind].empty())
        std::printf("    %s: %s\n", kDifferences[kind], ascii(type.example[kind]).c_str());
  }
  if (rows.size() > most) std::printf("... and %zu more types\n", rows.size() - most);
  const auto only = result.only_exported();
  if (only.empty()) return;
  std::vector<std::pair<std::uint64_t, std::string>> common;
  std::uint64_t all = 0;
  for (const auto& [name, n] : only) {
    common.emplace_back(n, name);
    all += n;
  }
  std::sort(common.rbegin(), common.rend());
  std::printf("only exported (no error): %llu objects:", static_cast<unsigned long long>(all));
  for (std::size_t i = 0; i < std::min<std::size_t>(12, common.size()); ++i)
    std::printf("%s %s %llu", i ? "," : "", ascii(common[i].second).c_str(),
                static_cast<unsigned long long>(common[i].first));
  std::printf("\n");
}

constexpr std::pair<const char*, Difference> kRates[] = {
    {"objects", kMissing},       {"types", kType}, {"sizes", kSize},        {"edges-recall", kLost},
    {"edges-precision", kAdded}, {"gc", kTracked}, {"refcounts", kRefcount}};

// With commas between what `write` writes of each.
template <class Each, class Write>
std::string joined(const Each& each, Write&& write) {
  std::string text;
  for (const auto& one : each) {
    const std::string more = write(one);
    text += (text.empty() || more.empty() ? "" : ",") + more;
  }
  return text;
}

std::string key(const std::string& name) { return "\"" + ascii(name) + "\":"; }

void write_json(const Comparison& result, const std::vector<std::string>& pythons, bool good,
                const std::string& path) {
  std::ofstream out(path);
  out << R"({"python":[)" << joined(pythons, [](const auto& each) { return "\"" + ascii(each) + "\""; })
      << R"(],"exact":)" << (result.exact(0) ? "true" : "false") << R"(,"good":)" << (good ? "true" : "false")
      << R"(,"rates":{)"
      << joined(kRates,
                [&](const auto& rate) { return key(rate.first) + std::to_string(result.right(rate.second)); })
      << R"(},"objects":)" << result.asked(kMissing) << R"(,"edges":)" << result.asked(kLost)
      << R"(,"types":{)"
      << joined(differing(result),
                [](const Row& row) {
                  std::string text =
                      key(row.first) + "{" + key("objects") + std::to_string(row.second->objects);
                  for (std::size_t kind = 0; kind < kDifferences.size(); ++kind)
                    if (const std::uint64_t n = row.second->wrong[kind])
                      text += "," + key(kDifferences[kind]) + std::to_string(n);
                  return text + "}";
                })
      << R"(},"only_exported":{)"
      << joined(result.only_exported(),
                [](const auto& type) { return key(type.first) + std::to_string(type.second); })
      << "}}\n";
  if (!out.flush()) throw Unusable(path + " cannot be written");
}

int run(const Options& options) {
  TypeNames types;
  std::vector<ToldHeap> told;
  std::vector<std::string> pythons;
  for (const std::string& file : options.files)
    told.push_back(read_told_heap(file, types, options.guesses.has_value()));
  Comparison result(told.front(), types);
  for (auto truth = told.begin() + 1; truth != told.end(); ++truth) {
    if (truth->python.empty())
      throw Unusable(options.files[static_cast<std::size_t>(truth - told.begin())] + " is no truth");
    pythons.push_back(truth->python);
    result.compare(*truth);
  }
  print_differences(result, options.rows);
  const bool good = options.guesses ? result.guessed_well(*options.guesses) : result.exact(options.allowed);
  if (!options.json.empty()) write_json(result, pythons, good, options.json);
  std::printf("of %llu objects and %llu references:", static_cast<unsigned long long>(result.asked(kMissing)),
              static_cast<unsigned long long>(result.asked(kLost)));
  for (const auto& [name, what] : kRates) std::printf(" %s %.6f", name, result.right(what));
  std::printf("\n");
  return good ? 0 : 1;
}

}  // namespace
}  // namespace heapglass::truth

int main(int argc, char** argv) {
  const auto options = heapglass::truth::parse(argc, argv);
  if (!options) {
    std::fputs(heapglass::truth::kUsage, stderr);
    return 2;
  }
  try {
    return heapglass::truth::run(*options);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "heapglass_compare_truth: %s\n", problem.what());
    return 2;
  }
}
