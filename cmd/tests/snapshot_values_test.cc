// Snapshots without values: nothing of a secret is in the file, by whatever name, and what needs no value is
// answered as by a file that has them. The file is read by testdata/read_snapshot.py, which knows it from
// FORMAT.md alone.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>
#include <regex>
#include <sstream>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

const std::string kReader = std::string(HEAPGLASS_SOURCE_DIR) + "/testdata/read_snapshot.py";

Outcome read_by_format(const std::string& how, const std::string& file, const std::string& secrets = "") {
  std::vector<std::string> command{"python3", "-B", kReader, how, file};
  if (!secrets.empty()) command.push_back(secrets);
  return run_command(command);
}

Outcome answer(std::vector<std::string> command, const std::string& file) {
  command.insert(command.begin() + 1, file);
  command.insert(command.begin(), HEAPGLASS_PROGRAM);
  return run_command(command);
}

// Without what tells of the look, of values, and that there are none.
std::string without_values(const std::string& text) {
  // Other notes may stand beside that one, and what others share with the process is theirs to change.
  static const std::regex values(
      "this snapshot has no values: .*|\"(repr|about|pause_ms|notes|caveats|pss|shared|shared_anonymous)\": "
      "?.*|"
      "(its share of|mapped by others|shared by forking).*");
  static const std::regex empty_lines("\n+");
  std::string rest = std::regex_replace(std::regex_replace(text, values, ""), empty_lines, "\n");
  while (!rest.empty() && rest.back() == '\n') rest.pop_back();
  return rest;
}

// Where two texts part, a little of each: GoogleTest's own comparison of megabytes takes gigabytes.
std::string first_difference(const std::string& a, const std::string& b) {
  if (a == b) return "";
  std::size_t at = 0;
  while (at < a.size() && at < b.size() && a[at] == b[at]) ++at;
  const std::size_t from = at < 80 ? 0 : at - 80;
  return "..." + a.substr(from, 240) + "...\n...and..." + b.substr(from, 240) + "...";
}

std::string from_hex(const std::string& digits) {
  std::string text;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    text += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return text;
}

// Whether the description of a value is all of it: "an int of about 150 bits" is that of many, and long texts
// are cut.
bool is_whole(const std::string& type, const std::string& repr) {
  static const std::regex number("-?[0-9]+");
  if (type == "builtins.int") return std::regex_match(repr, number);
  if (type == "builtins.str" || type == "builtins.bytes") return repr.ends_with("'");
  return !repr.empty() && repr.find("nan") == std::string::npos;  // of which there are many
}

// The rows of a query, split at commas, without the first, which names the columns.
std::vector<std::vector<std::string>> rows_of(const std::string& query, const std::string& file) {
  const Outcome answered = answer({"query", "--format", "csv", "--limit", "0", query}, file);
  EXPECT_EQ(answered.status, 0) << answered.err;
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(answered.out);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    if (line.ends_with('\r')) line.pop_back();
    std::istringstream cells(line);
    rows.emplace_back();
    for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(cell);
  }
  return rows;
}

// Of all whose description is the whole value: as many hashes as values, and each value has one.
void expect_equal_hashes_for_equal_values(const std::string& whole, const std::string& hashed) {
  constexpr const char* kOf =
      " FROM objects WHERE type IN ('builtins.str', 'builtins.bytes', 'builtins.int', "
      "'builtins.float', 'builtins.complex') ORDER BY id";
  const auto values = rows_of(std::string("SELECT id, type, hex(repr)") + kOf, whole),
             hashes = rows_of(std::string("SELECT id, value_hash") + kOf, hashed);
  ASSERT_EQ(values.size(), hashes.size());
  std::map<std::string, std::string> hash_of, value_of;
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(values[i].at(0), hashes[i].at(0));
    const std::string &type = values[i].at(1), repr = values[i].size() > 2 ? from_hex(values[i][2]) : "";
    if (!is_whole(type, repr)) continue;
    ASSERT_EQ(hashes[i].size(), 2u) << type << " " << repr << " has no hash";
    const std::string value = type + " " + repr, &hash = hashes[i][1];
    EXPECT_EQ(hash_of.try_emplace(value, hash).first->second, hash) << value;
    EXPECT_EQ(value_of.try_emplace(hash, value).first->second, value) << hash;
  }
  // The smallest of the programs has 8,000 objects of these types.
  EXPECT_GT(values.size(), 8000u);
  EXPECT_GT(hash_of.size(), 4000u);
}

class WithoutValues : public testing::TestWithParam<Interpreter> {};

TEST_P(WithoutValues, NothingOfASecretIsInTheFileAndTheRestIsAnswered) {
  const TemporaryFolder folder;
  const std::string secrets = folder.file("secrets"), whole = folder.file("whole.hg"),
                    bare = folder.file("bare.hg"), hashed = folder.file("hashed.hg"),
                    key = folder.file("key");
  PythonProgram program(GetParam().path, "hidden_values.py", {secrets, "hunter2-correct-horse"});
  kill(program.pid(), SIGSTOP);
  while (program.state() != 'T') usleep(1000);
  const Outcome one = answer({"snapshot", "-o", whole}, program.target());
  ASSERT_EQ(one.status, 0) << one.err;
  const Outcome other = answer({"snapshot", "--no-values", "-o", bare}, program.target());
  ASSERT_EQ(other.status, 0) << other.err;
  const Outcome third = answer({"snapshot", "--hash-values", key, "-o", hashed}, program.target());
  ASSERT_EQ(third.status, 0) << third.err;
  kill(program.pid(), SIGCONT);

  const Outcome found = read_by_format("search", bare, secrets);
  EXPECT_EQ(found.status, 0) << found.err;
  EXPECT_EQ(found.out, "");
  const Outcome found_hashed = read_by_format("search", hashed, secrets);
  EXPECT_EQ(found_hashed.status, 0) << found_hashed.err;
  EXPECT_EQ(found_hashed.out, "");
  expect_equal_hashes_for_equal_values(whole, hashed);
  // The search finds what is there.
  if (GetParam().path == supported_interpreters().back().path) {
    const Outcome with = read_by_format("search", whole, secrets);
    EXPECT_GE(std::count(with.out.begin(), with.out.end(), '\n'), 45) << with.out << with.err;
  }

  for (const std::vector<std::string>& command : {std::vector<std::string>{"histogram", "--limit", "0"},
                                                  {"objects", "--type", "module", "--limit", "0"},
                                                  {"retained", "--limit", "0", "--format", "json"},
                                                  {"path", "--type", "__main__.Account"},
                                                  {"memory", "--arenas"},
                                                  {"garbage"},
                                                  {"leaks"},
                                                  {"query", "SELECT * FROM roots", "--limit", "0"}}) {
    const Outcome with = answer(command, whole), without = answer(command, bare);
    EXPECT_EQ(with.status, 0) << command.front() << with.err;
    EXPECT_EQ(without.status, 0) << command.front() << without.err;
    EXPECT_EQ(first_difference(without_values(without.out), without_values(with.out)), "") << command.front();
  }
  const Outcome shown = answer({"objects", "--type", "__main__.Account", "--paths"}, bare);
  EXPECT_NE(shown.out.find("this snapshot has no values"), std::string::npos) << shown.out << shown.err;
  // The number of a thread is none: the file tells it with the thread.
  const Outcome threads = answer({"stacks", "--format", "json"}, bare);
  for (const auto& row : rows_of("SELECT repr FROM objects WHERE type = 'builtins.int' AND repr <> ''", bare))
    EXPECT_NE(threads.out.find("\"thread_id\": " + row.at(0) + ","), std::string::npos) << row.at(0);
  const Outcome locals = answer({"stacks", "--locals"}, bare);
  EXPECT_NE(locals.out.find("cookie = <str object at 0x"), std::string::npos) << locals.out;
  EXPECT_EQ(answer({"info"}, bare).out.find("hunter2"), std::string::npos);
}

// All that tables say of objects and is no value: nothing of one is lost because a value stands beside it.
// What has a key in brackets has one of some kind in both files.
constexpr const char* kWithoutValues[] = {
    "SELECT id, type, size, external, retained, refcount, weakrefs, length, tracked, "
    "replace(replace(owner, ',', ';'), '\"', '') FROM objects",
    "SELECT holder, held, class, replace(replace(label, ',', ';'), '\"', '') FROM refs",
    "SELECT * FROM types",
    "SELECT * FROM roots",
    "SELECT * FROM threads",
    "SELECT * FROM frames",
};

bool are_same_but_for_keys(const std::vector<std::string>& with, const std::vector<std::string>& without) {
  if (with.size() != without.size()) return false;
  for (std::size_t cell = 0; cell < with.size(); ++cell) {
    const std::size_t bracket = with[cell].find('[');
    if (bracket == std::string::npos ? with[cell] != without[cell]
                                     : without[cell].compare(0, bracket + 1, with[cell], 0, bracket + 1) != 0)
      return false;
  }
  return true;
}

std::string joined(const std::vector<std::string>& row) {
  std::string line;
  for (const std::string& cell : row) line += cell + " ";
  return line;
}

void expect_same_rows(const std::string& query, const std::string& whole, const std::string& bare) {
  const auto with = rows_of(query, whole), without = rows_of(query, bare);
  EXPECT_FALSE(with.empty()) << query;
  ASSERT_EQ(with.size(), without.size()) << query;
  std::size_t differ = 0;
  std::string told;
  for (std::size_t i = 0; i < with.size(); ++i)
    if (!are_same_but_for_keys(with[i], without[i]) && ++differ <= 5)
      told += joined(with[i]) + "but " + joined(without[i]) + "\n";
  EXPECT_EQ(differ, 0u) << query << ":\n" << told;
}

// What threads do, without names of threads and tasks, which are values.
constexpr char kStacks[] = R"py(
import json, sys
told = json.load(sys.stdin)
for thread in told["threads"]:
    waits = thread["waits_for"] or {}
    print(thread["tid"], thread["gil"], thread["state"], [(f["file"], f["line"], f["function"]) for f in thread["frames"]],
          *[waits.get(key) for key in ("kind", "id", "sure", "held_by", "holder_sure")],
          waits["text"] if waits.get("kind") == "lock" else "")
print(told["deadlocks"])
for task in told.get("tasks", []):
    print(task["id"], task["tid"], task["state"], task["waits_for_id"], [(f["file"], f["line"], f["function"]) for f in task["frames"]])
)py";

std::string stacks_without_names(const std::string& file) {
  const Outcome told = answer({"stacks", "--format", "json", "--depth", "0"}, file);
  EXPECT_EQ(told.status, 0) << told.err;
  const Outcome lines = run_command({"python3", "-c", kStacks}, told.out);
  EXPECT_EQ(lines.status, 0) << lines.err;
  return lines.out;
}

TEST_P(WithoutValues, AllElseIsThere) {
  for (const std::vector<std::string>& program : {std::vector<std::string>{"hidden_values.py"},
                                                  {"library_zoo.py"},
                                                  {"stacks.py", "--deadlock"},
                                                  {"await_chains.py"}}) {
    SCOPED_TRACE(program.front());
    const TemporaryFolder folder;
    const std::string whole = folder.file("whole.hg"), bare = folder.file("bare.hg");
    PythonProgram target(GetParam().path, program.front(), {program.begin() + 1, program.end()});
    kill(target.pid(), SIGSTOP);
    while (target.state() != 'T') usleep(1000);
    ASSERT_EQ(answer({"snapshot", "-o", whole}, target.target()).status, 0);
    ASSERT_EQ(answer({"snapshot", "--no-values", "-o", bare}, target.target()).status, 0);
    for (const char* query : kWithoutValues) expect_same_rows(query, whole, bare);
    EXPECT_EQ(stacks_without_names(bare), stacks_without_names(whole));
    EXPECT_EQ(answer({"garbage", "--held-by-c", "--limit", "0", "--format", "csv"}, bare).out,
              answer({"garbage", "--held-by-c", "--limit", "0", "--format", "csv"}, whole).out);
  }
}

TEST_P(WithoutValues, AReaderMadeFromTheDescriptionCountsTheSame) {
  const TemporaryFolder folder;
  PythonProgram program(GetParam().path, "holders.py");
  for (const std::vector<std::string>& options : {std::vector<std::string>{}, {"--no-values"}}) {
    const std::string file = folder.file("moment.hg");
    std::vector<std::string> command{"snapshot", "-o", file};
    command.insert(command.end(), options.begin(), options.end());
    const Outcome taken = answer(command, program.target());
    ASSERT_EQ(taken.status, 0) << taken.err;
    const Outcome all = read_by_format("check", file);
    EXPECT_EQ(all.status, 0) << all.err;
    const Outcome counted = read_by_format("histogram", file);
    ASSERT_EQ(counted.status, 0) << counted.err;
    std::map<std::string, std::string> by_format, by_heapglass;
    std::istringstream lines(counted.out);
    for (std::string count, bytes, name; lines >> count >> bytes && std::getline(lines, name);)
      by_format[name.substr(1)] = count + " " + bytes;
    const Outcome table = answer({"histogram", "--limit", "0", "--format", "json"}, file);
    const std::regex row("\"type\": \"([^\"]*)\", \"count\": (\\d+), \"bytes\": (\\d+)");
    for (std::sregex_iterator at(table.out.begin(), table.out.end(), row), end; at != end; ++at)
      by_heapglass[at->str(1)] = at->str(2) + " " + at->str(3);
    EXPECT_GT(by_heapglass.size(), 50u) << table.out.substr(0, 1000);
    EXPECT_EQ(by_format, by_heapglass);
  }
}

// Hashes are compared where one key made them, and only there.
TEST(HashedValues, TellAnObjectInTheSamePlaceAndKeysAreKept) {
  const TemporaryFolder folder;
  const std::string key = folder.file("key"), other_key = folder.file("other"), first = folder.file("1.hg"),
                    second = folder.file("2.hg"), third = folder.file("3.hg"), bare = folder.file("4.hg");
  PythonProgram program(few_interpreters().back().path, "holders.py");
  ASSERT_EQ(answer({"snapshot", "--hash-values", key, "-o", first}, program.target()).status, 0);
  struct stat about {};
  ASSERT_EQ(stat(key.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  EXPECT_EQ(about.st_size, 33);
  ASSERT_EQ(answer({"snapshot", "--hash-values", key, "-o", second}, program.target()).status, 0);
  ASSERT_EQ(answer({"snapshot", "--hash-values", other_key, "-o", third}, program.target()).status, 0);
  ASSERT_EQ(answer({"snapshot", "--no-values", "-o", bare}, program.target()).status, 0);
  const std::string differ = "the snapshots do not have values of one kind";
  EXPECT_EQ(answer({"diff", second}, first).out.find(differ), std::string::npos);
  for (const std::string& each : {third, bare}) {
    const Outcome compared = answer({"diff", each}, first);
    EXPECT_EQ(compared.status, 0) << compared.err;
    EXPECT_NE(compared.out.find(differ), std::string::npos) << compared.out << compared.err;
    // A tuple is known by what it refers to: nothing is called new for want of a value.
    EXPECT_TRUE(std::regex_search(compared.out, std::regex("all objects .* 0 +0\n"))) << compared.out;
  }

  chmod(key.c_str(), 0644);
  const Outcome open_to_all = answer({"snapshot", "--hash-values", key, "-o", second}, program.target());
  EXPECT_EQ(open_to_all.status, 5);
  EXPECT_NE(open_to_all.err.find("can be read by others"), std::string::npos) << open_to_all.err;
  const Outcome no_key = answer({"snapshot", "--hash-values", first, "-o", second}, program.target());
  EXPECT_EQ(no_key.status, 5);
  EXPECT_NE(no_key.err.find("holds no key"), std::string::npos) << no_key.err;
  const Outcome both =
      answer({"snapshot", "--hash-values", key, "--no-values", "-o", second}, program.target());
  EXPECT_EQ(both.status, 2);
}

TEST(CutValues, AreTold) {
  const TemporaryFolder folder;
  const std::string file = folder.file("cut.hg");
  PythonProgram program(few_interpreters().back().path, "holders.py");
  ASSERT_EQ(answer({"snapshot", "--cut-values", "64", "-o", file}, program.target()).status, 0);
  const Outcome shown = answer({"objects", "--type", "str", "--limit", "1"}, file);
  EXPECT_NE(shown.out.find("has the first 64 bytes of longer values"), std::string::npos) << shown.out;
}

INSTANTIATE_TEST_SUITE_P(Live, WithoutValues, testing::ValuesIn(few_interpreters()), [](const auto& each) {
  return std::regex_replace(each.param.name, std::regex("[^A-Za-z0-9]"), "_");
});
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(WithoutValues);

}  // namespace
}  // namespace heapglass
