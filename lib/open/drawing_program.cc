#include "lib/open/drawing_program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "lib/base/error.h"

namespace heapglass {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> places() {
  std::vector<fs::path> found;
  std::error_code none;
  const fs::path beside = fs::read_symlink("/proc/self/exe", none).parent_path();
  if (!beside.empty()) {
    found.push_back(beside);
    found.push_back(beside.parent_path() / "lib" / "heapglass");
  }
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (folder.starts_with('/')) found.emplace_back(folder);
  return found;
}

// What the dynamic loader ends with where a shared library is not here.
constexpr int kCannotBeLoaded = 127;

// Whether the libraries that it is linked with are here: once it has taken over, the loader's words would be
// all that is said.
bool lacks_libraries(const std::string& program) {
  const pid_t child = fork();
  if (child == 0) {
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, stream);
    execl(program.c_str(), program.c_str(), "--version", static_cast<char*>(nullptr));
    _exit(0);  // why not is said where it is executed
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
         WEXITSTATUS(status) == kCannotBeLoaded;
}

}  // namespace

void run_drawing_program(const std::vector<std::string>& arguments, std::string_view what,
                         std::string_view instead) {
  std::string why;
  for (const fs::path& place : places()) {
    const std::string program = place / kDrawingProgram;
    if (access(program.c_str(), X_OK) != 0) continue;
    if (lacks_libraries(program)) {
      why = ", and shared libraries of " + program + " are not here: ldd lists them";
      break;
    }
    std::vector<std::string> words{program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    execv(program.c_str(), pointers.data());
    // ENOENT of a file that is there: its loader or its C library is not, as in a root with another one.
    why = ": " + program +
          " cannot be run: " + (errno == ENOENT ? "its dynamic loader is not here" : std::strerror(errno));
    break;
  }
  throw Error(
      ErrorKind::kUsage, std::string(what) + " takes " + kDrawingProgram + why,
      std::string(instead) + (why.empty() ? ", or put heapglass-draw of the package beside heapglass" : ""));
}

}  // namespace heapglass
