// "about" of every JSON document: which heapglass, host, process and moment it is of.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cmd/tests/control_group.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

// By the standard library and /proc/stat, where heapglass asks clocks. Each command line is run, and must say
// the same; then a snapshot, which must say what was so when it was taken.
constexpr char kCheck[] = R"py(
import json, os, re, socket, subprocess, sys, time

program, pid, container, file = sys.argv[1:5]

def documents(*words):
    done = subprocess.run([program, *words, "--format", "json"], stdout=subprocess.PIPE)
    assert done.returncode in (0, 1), words
    try:
        return [json.loads(done.stdout)]
    except ValueError:
        return [json.loads(line) for line in done.stdout.splitlines()]  # of watch

boot = int(re.search(r"^btime (\d+)", open("/proc/stat").read(), re.M).group(1))
ticks = int(open("/proc/%s/stat" % pid).read().rpartition(")")[2].split()[19])
began = boot + ticks // os.sysconf("SC_CLK_TCK")
version = subprocess.run([program, "--version"], stdout=subprocess.PIPE).stdout.decode().split()[1].rstrip(",")

def check(about, first, last, of_one=True):
    assert sorted(about) == ["container", "heapglass", "host", "pid", "started", "time"], about
    assert about["heapglass"] == version and about["host"] == socket.gethostname(), about
    assert first - 0.01 <= about["time"] <= last + 0.01, (first, about, last)
    if not of_one:
        assert (about["pid"], about["started"], about["container"]) == (None, None, None), about
        return
    assert about["pid"] == int(pid) and about["container"] == (container or None), about
    assert abs(about["started"] - began) <= 1, (about, began)  # the kernel rounds its own way

def moment():
    return time.time()

first = moment()
subprocess.run([program, "snapshot", pid, "-o", file], check=True)
taken = (first, moment())
for words in (["overview"], ["info"], ["info", "--no-heap"], ["memory"], ["histogram"], ["objects", "--type", "module"],
              ["backrefs", "--type", "InPartial"], ["refs", "--type", "InPartial"], ["show", "--type", "InPartial"], ["path", "--type", "InPartial"], ["retained"], ["leaks"],
              ["garbage"], ["tracemalloc"], ["stacks"], ["report"], ["query", "SELECT 1"], ["selfcheck"],
              ["watch", "--interval", "50ms", "--duration", "100ms"]):
    if container and words != ["info"]:
        continue  # all say the same
    for target in (pid,) if words[0] in ("watch", "selfcheck") else (pid, file):
        first = moment()
        for document in documents(words[0], target, *words[1:]):
            check(document["about"], *(taken if target == file else (first, moment())))

first = moment()
(both,) = documents("diff", file, pid)
assert len(both["compared"]) == 2 and both["compared"][1] == both["about"], both["compared"]
check(both["compared"][0], *taken)
check(both["about"], first, moment())

for words in (["ps"], ["leaks", "--family", pid]):
    first = moment()
    (document,) = documents(*words)
    check(document["about"], first, moment(), of_one=False)
    if words[0] == "leaks":
        check(document["processes"][0]["answer"]["about"], first, moment())
print("checked")
)py";

class About : public testing::Test {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    python_ = supported_interpreters().back().path;
  }
  Outcome check(const PythonProgram& target, const std::string& container) const {
    return run_command({"python3", "-c", kCheck, HEAPGLASS_PROGRAM, target.target(), container,
                        folder_.file(container.empty() ? "own.hg" : "contained.hg")});
  }
  const TemporaryFolder folder_;
  std::string python_;
};

TEST_F(About, IsOfTheProcessAndTheMomentInEveryDocument) {
  const PythonProgram target(python_, "held.py");
  const Outcome outcome = check(target, "");
  EXPECT_EQ(outcome.out, "checked\n") << outcome.err;
}

TEST_F(About, NamesTheContainer) {
  const ControlGroup group("", "cgroup.procs");
  if (!group.why_not().empty()) GTEST_SKIP() << group.why_not();
  const std::string id(32, 'a'), whole = id + std::string(32, '7');
  const std::string folder = group.file("docker-" + whole + ".scope");
  fs::create_directory(folder);
  {
    const PythonProgram target(python_, "held.py");
    ASSERT_TRUE(std::ofstream(folder + "/cgroup.procs") << target.target() << std::flush);
    const Outcome outcome = check(target, whole);
    EXPECT_EQ(outcome.out, "checked\n") << outcome.err;
  }
  for (int i = 0; i < 200 && !fs::remove(folder); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

}  // namespace
}  // namespace heapglass
