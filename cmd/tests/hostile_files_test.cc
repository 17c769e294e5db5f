// Files that are no files, that shrink while they are read, and that unfold to more than there is: a one-line
// error or an answer, never a wait or a signal.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "cmd/tests/python_program.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kSoon{20};  // what waits for a FIFO never ends

Outcome run_soon(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), HEAPGLASS_PROGRAM);
  return run_command(arguments, "", "", kSoon);
}

void expect_one_line(const Outcome& outcome, const std::string& of) {
  EXPECT_GT(outcome.status, 0) << of << ": -1 is a hang, " << outcome.err;
  EXPECT_LE(outcome.status, 5) << of << ": " << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << of << ": " << outcome.err;
}

// An answer, or a one-line error about a file.
void expect_answer_or_line(const Outcome& outcome, const std::string& of) {
  if (outcome.status != 0) expect_one_line(outcome, of);
}

TEST(NoFiles, AreToldAsThat) {
  const TemporaryFolder folder;
  const std::string fifo = folder.file("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& name : {fifo, std::string("/dev/zero"), std::string("/dev/tty"), folder.path()}) {
    for (const char* command : {"info", "histogram", "stacks", "memory"}) {
      const Outcome outcome = run_soon({command, name});
      expect_one_line(outcome, name);
      EXPECT_NE(outcome.err.find("not a regular file"), std::string::npos) << outcome.err;
    }
    expect_one_line(run_soon({"diff", name, name}), "diff " + name);
  }
}

class WithTarget : public testing::Test {
 protected:
  void SetUp() override {
    if (supported_interpreters().empty()) GTEST_SKIP() << "no interpreter that heapglass reads";
    python_ = supported_interpreters().back().path;
    target_ = std::make_unique<PythonProgram>(python_, "frozen.py");
  }
  // While `look` runs again and again, the file becomes empty and is written again.
  void while_it_changes(const std::string& path, const std::function<void(int)>& look, int times) {
    std::ifstream from(path, std::ios::binary);
    const std::string whole{std::istreambuf_iterator<char>(from), {}};
    std::atomic<bool> done{false};
    std::thread other([&] {
      for (std::size_t turn = 0; !done; ++turn) {
        std::this_thread::sleep_for(std::chrono::milliseconds(3 + turn % 7));
        fs::resize_file(path, turn % 3 == 0 ? 0 : whole.size() / (turn % 5 + 1));
        std::this_thread::sleep_for(std::chrono::milliseconds(turn % 4));
        std::ofstream(path, std::ios::binary) << whole;
      }
    });
    for (int i = 0; i < times; ++i) look(i);
    done = true;
    other.join();
    std::ofstream(path, std::ios::binary) << whole;
  }

  std::string python_;
  TemporaryFolder folder_;
  std::unique_ptr<PythonProgram> target_;
};

TEST_F(WithTarget, OptionsThatNameNoFile) {
  const std::string fifo = folder_.file("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  expect_one_line(run_soon({"snapshot", target_->target(), "-o", folder_.file("s"), "--hash-values", fifo}),
                  "a key file");
  expect_one_line(run_soon({"tracemalloc", target_->target(), "--compare", fifo}), "--compare");
  expect_one_line(run_soon({"diff", target_->target(), fifo}), "diff");
}

TEST_F(WithTarget, ASnapshotThatShrinks) {
  const std::string file = folder_.file("s.hgs");
  ASSERT_EQ(run_soon({"snapshot", target_->target(), "-o", file}).status, 0);
  unsigned answered = 0;
  const std::vector<std::string> commands = {"histogram", "leaks", "stacks", "info", "memory"};
  while_it_changes(
      file,
      [&](int i) {
        const Outcome outcome = run_soon({commands[static_cast<std::size_t>(i) % commands.size()], file});
        answered += outcome.status == 0;
        expect_answer_or_line(outcome, "a snapshot");
      },
      40);
  std::cout << answered << " of 40 were answered\n";
  EXPECT_EQ(run_soon({"histogram", file}).status, 0);
}

TEST_F(WithTarget, ASnapshotThatUnfoldsToMoreThanThereIs) {
  // Its table tells of columns of zeros, which cost next to nothing.
  std::ofstream(folder_.file("make.py")) << R"(
import struct, sys, zlib
header = b'\x89HGS\r\n\x1a\n' + struct.pack('<HHI', 1, 0, 0)
blocks, per = 1 << 20, 1 << 17
table = struct.pack('<IH', 1, 15) + b'objects.address' + struct.pack('<BBQQI', 8, 0, blocks * per, per, blocks)
table += b''.join(struct.pack('<QI', 16 + i, 1) for i in range(blocks))
body = b'\x28\xb5\x2f\xfd\xa0' + struct.pack('<I', len(table))
for at in range(0, len(table), 1 << 17):
    part = table[at:at + (1 << 17)]
    last = at + len(part) == len(table)
    body += struct.pack('<I', len(part) << 3 | last)[:3] + part
trailer = struct.pack('<QQQ', 16 + blocks, len(body), len(table))
crc = zlib.crc32(trailer, zlib.crc32(header))
open(sys.argv[1], 'wb').write(header + bytes(blocks) + body + trailer + struct.pack('<I', crc) + b'HGSE')
)";
  const Outcome made = run_command({"python3", folder_.file("make.py"), folder_.file("bomb.hgs")});
  ASSERT_EQ(made.status, 0) << made.err;
  const Outcome outcome = run_soon({"histogram", folder_.file("bomb.hgs")});
  EXPECT_EQ(outcome.status, 5) << outcome.err;
  expect_one_line(outcome, "a bomb");
  EXPECT_NE(outcome.err.find("unfolds to more than"), std::string::npos) << outcome.err;
}

TEST_F(WithTarget, ACoreThatShrinks) {
  const std::string core = gcore(*target_, folder_);
  if (core.empty()) GTEST_SKIP() << "gdb is not there, or may not trace";
  unsigned answered = 0;
  const std::vector<std::string> commands = {"histogram", "stacks", "info"};
  while_it_changes(
      core,
      [&](int i) {
        const Outcome outcome = run_soon({commands[static_cast<std::size_t>(i) % commands.size()], core});
        answered += outcome.status == 0;
        expect_answer_or_line(outcome, "a core");
      },
      40);
  std::cout << answered << " of 40 were answered\n";
  EXPECT_EQ(run_soon({"histogram", core}).status, 0);
}

TEST_F(WithTarget, ACompressedCoreThatGoesOnAndOn) {
  const std::string core = gcore(*target_, folder_);
  if (core.empty()) GTEST_SKIP() << "gdb is not there, or may not trace";
  const auto pack = [&](const std::string& script) {
    return run_command({"python3", "-c", "import gzip, sys\n" + script, core, folder_.file("bomb.gz")})
        .status;
  };
  // The core, and a thousand million zeros behind it.
  ASSERT_EQ(pack("out = gzip.open(sys.argv[2], 'wb', 1)\n"
                 "out.write(open(sys.argv[1], 'rb').read())\n"
                 "for i in range(1000): out.write(bytes(10**6))\n"
                 "out.close()\n"),
            0);
  Outcome outcome = run_soon({"info", folder_.file("bomb.gz")});
  EXPECT_EQ(outcome.status, 5);
  EXPECT_NE(outcome.err.find("it goes on behind the"), std::string::npos) << outcome.err;
  // One whose headers tell of more than any machine has.
  ASSERT_EQ(pack("import struct\n"
                 "data = bytearray(open(sys.argv[1], 'rb').read(1 << 20))\n"
                 "table, = struct.unpack_from('<Q', data, 32)\n"
                 "struct.pack_into('<Q', data, table + 56 * 2 + 32, 1 << 50)\n"
                 "gzip.open(sys.argv[2], 'wb', 1).write(data)\n"),
            0);
  outcome = run_soon({"info", folder_.file("bomb.gz")});
  EXPECT_EQ(outcome.status, 5);
  EXPECT_NE(outcome.err.find("more than the"), std::string::npos) << outcome.err;
  // And zeros that are no core at all.
  ASSERT_EQ(pack("out = gzip.open(sys.argv[2], 'wb', 9)\n"
                 "for i in range(2000): out.write(bytes(10**6))\n"
                 "out.close()\n"),
            0);
  outcome = run_soon({"info", folder_.file("bomb.gz")});
  EXPECT_EQ(outcome.status, 2);
  expect_one_line(outcome, "zeros");
}

// The target maps a program's file, and cuts it short and writes it again and again.
TEST_F(WithTarget, AMappedProgramThatShrinks) {
  const PythonProgram shrinking(python_, "shrinking_files.py", {folder_.file("libpython3.so.1.0")});
  const std::vector<std::vector<std::string>> looks = {
      {"info", "--no-heap"},          {"histogram"}, {"stacks", "--freeze=none"},
      {"histogram", "--freeze=fork"}, {"memory"},    {"info"}};
  unsigned answered = 0;
  for (std::size_t i = 0; i < 48; ++i) {
    std::vector<std::string> look = looks[i % looks.size()];
    look.insert(look.begin() + 1, shrinking.target());
    const Outcome outcome = run_soon(look);
    answered += outcome.status == 0;
    expect_answer_or_line(outcome, "a target whose files shrink");
  }
  EXPECT_GT(answered, 40u) << "the file is none that the answers need";
}

}  // namespace
}  // namespace heapglass
