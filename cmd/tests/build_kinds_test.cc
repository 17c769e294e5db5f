// Interpreters that are built, installed, started or replaced in other ways than by their own command: what
// is exported must be what each says of itself.

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>

#include "cmd/tests/live_results.h"
#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

const std::string kProgram = "classes_zoo.py";
const std::string kBuild = HEAPGLASS_SOURCE_DIR "/testdata/embedding/build";

// Where an interpreter's files are. Those that scripts/fetch-pythons unpacked have a root of their own, and
// are run by a script.
struct Place {
  explicit Place(const Interpreter& interpreter) {
    const fs::path path(interpreter.path);
    prefix = path.parent_path().parent_path();
    executable = path;
    unpacked = path.parent_path().parent_path().parent_path().filename() == ".pythons";
    if (unpacked) {
      root = prefix;
      prefix = root + "/usr";
      executable = prefix + "/bin/" + path.filename().string();
    }
  }
  std::string prefix, executable, root;
  bool unpacked = false;
};

std::string loader_in(const std::string& root) {
  for (const char* const lib : {"/lib", "/usr/lib"}) {
    const std::string loader = root + lib + "/x86_64-linux-gnu/ld-linux-x86-64.so.2";
    if (fs::exists(loader)) return loader;
  }
  return "";
}

// How a kind of target is brought about.
struct Started {
  std::vector<std::string> command;  // of a process that says READY; empty: it cannot be had here
  std::string why_not;
  std::string truth;                       // the file that it writes, as we see it
  std::function<void()> once_it_runs{};    // what happens to its files then
  bool in_child = false;                   // the target is the child of what `command` starts
  std::vector<std::string> looked_with{};  // what heapglass is run by
};

std::vector<std::string> program_and_truth(const std::string& programs, const std::string& truth) {
  return {programs + kProgram, "--truth", truth};
}

Started embedded(const Interpreter& interpreter, const TemporaryFolder& folder, const std::string& how) {
  const std::string program = folder.file("embedding");
  const Outcome built = run_command({kBuild, interpreter.path, how, program});
  if (built.status == 77) return {{}, built.out};
  if (built.status != 0) throw std::runtime_error("testdata/embedding/build: " + built.out + built.err);
  const std::string truth = folder.file("truth");
  std::string arguments;
  for (const std::string& word : program_and_truth(kPrograms, truth))
    arguments += (arguments.empty() ? "" : "\n") + word;
  return {{"env", "PYTHONDONTWRITEBYTECODE=1", "PYTHONHOME=" + Place(interpreter).prefix,
           "EMBEDDED=" + arguments, program},
          "",
          truth};
}

Started embedding(const Interpreter& interpreter, const TemporaryFolder& folder) {
  return embedded(interpreter, folder, "shared");
}

Started pie(const Interpreter& interpreter, const TemporaryFolder& folder) {
  return embedded(interpreter, folder, "static");
}

Started in_venv(const Interpreter& interpreter, const TemporaryFolder& folder, const std::string& how) {
  const std::string venv = folder.file("venv"), truth = folder.file("truth");
  const Outcome made = run_command({interpreter.path, "-m", "venv", "--without-pip", how, venv});
  if (made.status != 0) throw std::runtime_error("no venv: " + made.out + made.err);
  std::vector<std::string> command{venv + "/bin/python", "-B"};
  for (const std::string& word : program_and_truth(kPrograms, truth)) command.push_back(word);
  return {command, "", truth};
}

Started venv(const Interpreter& interpreter, const TemporaryFolder& folder) {
  if (Place(interpreter).unpacked && interpreter.version.starts_with("3.9."))
    return {{}, "glibc 2.31 cannot tell it that it is in a venv"};
  return in_venv(interpreter, folder, "--symlinks");
}

Started venv_copied(const Interpreter& interpreter, const TemporaryFolder& folder) {
  if (Place(interpreter).unpacked) return {{}, "a copy of the script that runs it finds no root"};
  return in_venv(interpreter, folder, "--copies");
}

// Copies of the executable and of its library, for somebody to take away.
Started copied(const Interpreter& interpreter, const TemporaryFolder& folder, std::function<void()> then) {
  const Place place(interpreter);
  const std::string copy = folder.file("bin/" + fs::path(place.executable).filename().string());
  fs::create_directories(folder.file("bin"));
  fs::copy_file(place.executable, copy);
  std::string libraries = folder.file("bin");
  if (interpreter.linkage == "shared") {
    for (const auto& each : fs::directory_iterator(place.prefix + "/lib"))
      if (each.path().filename().string().starts_with("libpython3.") && !each.is_symlink())
        fs::copy_file(each.path(), libraries + "/" + each.path().filename().string());
  }
  std::vector<std::string> command{"env", "PYTHONHOME=" + place.prefix};
  if (place.unpacked) {
    libraries += ":" + place.root + "/lib/x86_64-linux-gnu:" + place.root + "/usr/lib/x86_64-linux-gnu";
    command.insert(command.end(), {loader_in(place.root), "--library-path", libraries});
  } else {
    command.insert(command.begin() + 1, "LD_LIBRARY_PATH=" + libraries);
  }
  const std::string truth = folder.file("truth");
  command.insert(command.end(), {copy, "-B"});
  for (const std::string& word : program_and_truth(kPrograms, truth)) command.push_back(word);
  return {command, "", truth, std::move(then)};
}

Started deleted(const Interpreter& interpreter, const TemporaryFolder& folder) {
  const std::string files = folder.file("bin");
  return copied(interpreter, folder, [files] { fs::remove_all(files); });
}

// Without the right to open /proc/PID/map_files, which a user lacks: only the executable can still be opened.
Started deleted_unprivileged(const Interpreter& interpreter, const TemporaryFolder& folder) {
  Started started = deleted(interpreter, folder);
  if (geteuid() != 0) return started;
  started.looked_with = {"setpriv", "--bounding-set", "-sys_admin,-checkpoint_restore"};
  if (run_command({"setpriv", "--bounding-set", "-sys_admin,-checkpoint_restore", "true"}).status != 0)
    return {{}, "setpriv cannot take the right away"};
  return started;
}

// As an upgrade under a running service does it: other files under the same names.
Started replaced(const Interpreter& interpreter, const TemporaryFolder& folder) {
  const std::string files = folder.file("bin");
  return copied(interpreter, folder, [files] {
    for (const auto& each : fs::directory_iterator(files)) {
      fs::copy_file("/bin/true", each.path().string() + ".new");
      fs::rename(each.path().string() + ".new", each.path());
    }
  });
}

Started container(const Interpreter& interpreter, const TemporaryFolder& folder) {
  const Place place(interpreter);
  if (!place.unpacked) return {{}, "only what scripts/fetch-pythons unpacked has a root of its own"};
  const std::string in_root =
      "mount --make-rprivate / && mount -t tmpfs tmpfs \"$1/tmp\" && mkdir \"$1/tmp/programs\" "
      "\"$1/tmp/out\" && mount --bind \"$2\" \"$1/tmp/programs\" && mount --bind \"$3\" "
      "\"$1/tmp/out\" && root=$1 && shift 3 && exec chroot \"$root\" \"$@\"";
  const Outcome may =
      run_command({"unshare", "--mount", "--pid", "--fork", "--mount-proc", "chroot", place.root,
                   "/usr/bin/" + fs::path(place.executable).filename().string(), "-c", "pass"});
  if (may.status != 0) return {{}, "no privileges for a container: " + may.err};
  std::vector<std::string> command{"unshare",
                                   "--mount",
                                   "--pid",
                                   "--fork",
                                   "--kill-child",
                                   "--mount-proc",
                                   "sh",
                                   "-c",
                                   in_root,
                                   "sh",
                                   place.root,
                                   kPrograms,
                                   folder.path(),
                                   "/usr/bin/" + fs::path(place.executable).filename().string(),
                                   "-B"};
  for (const std::string& word : program_and_truth("/tmp/programs/", "/tmp/out/truth"))
    command.push_back(word);
  return {command, "", folder.file("truth"), {}, true};
}

struct Kind {
  const char* name;
  Started (*start)(const Interpreter&, const TemporaryFolder&);
};
const Kind kKinds[] = {{"embedding", embedding}, {"pie", pie},
                       {"venv", venv},           {"venv-copied", venv_copied},
                       {"deleted", deleted},     {"deleted-unprivileged", deleted_unprivileged},
                       {"replaced", replaced},   {"container", container}};

void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

std::string first_child(const std::string& pid) {
  std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
  std::string child;
  children >> child;
  return child;
}

class EveryKind : public testing::TestWithParam<std::tuple<Interpreter, Kind>> {};

TEST_P(EveryKind, IsExportedAsItSeesItself) {
  const auto& [interpreter, kind] = GetParam();
  const LiveResult result(interpreter, std::string("kind-") + kind.name);
  const TemporaryFolder folder;
  const Started started = kind.start(interpreter, folder);
  if (started.command.empty()) {
    result.skipped(started.why_not);
    GTEST_SKIP() << started.why_not;
  }
  PythonProgram program(started.command);
  if (started.once_it_runs) started.once_it_runs();
  const std::string target = started.in_child ? first_child(program.target()) : program.target();
  ASSERT_FALSE(target.empty());

  const std::string exported = folder.file("exported");
  std::vector<std::string> look = started.looked_with;
  look.insert(look.end(), {HEAPGLASS_PROGRAM, "export", target, "--format", "jsonl", "-o", exported});
  const Outcome outcome = run_command(look);
  ASSERT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  // Asked by its own code, too, which comes from the files as they were.
  EXPECT_EQ(outcome.err.find("not asked by running"), std::string::npos) << outcome.err;
  const Outcome verdict = run_command({HEAPGLASS_COMPARE_TRUTH, exported, started.truth});
  EXPECT_EQ(verdict.status, 0) << verdict.out << verdict.err;
  result.ended(HasFailure(), verdict.out);
}

// One a version and way of installing it: what else differs shows in every program's test.
std::vector<Interpreter> one_a_version() {
  std::vector<Interpreter> chosen;
  std::set<std::string> names;
  for (const Interpreter& each : supported_interpreters())
    if (each.build == "release" &&
        names
            .insert(each.version.substr(0, each.version.rfind('.')) + each.linkage + each.symbols +
                    (Place(each).unpacked ? "unpacked" : ""))
            .second)
      chosen.push_back(each);
  return chosen;
}

INSTANTIATE_TEST_SUITE_P(Live, EveryKind,
                         testing::Combine(testing::ValuesIn(one_a_version()), testing::ValuesIn(kKinds)),
                         [](const auto& each) {
                           return as_identifier(std::get<0>(each.param).name + "_" +
                                                std::get<1>(each.param).name);
                         });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryKind);

}  // namespace
}  // namespace heapglass
