// Runs a part of a test in a process of its own, for what cannot be undone: rights dropped, signals that end.
#pragma once

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

namespace heapglass {

// What `body` returns there, with " status N" behind it where the process did not end by itself.
inline std::string in_a_child(const std::function<std::string()>& body) {
  const int told = memfd_create("told", MFD_CLOEXEC);
  const pid_t child = fork();
  if (child == 0) {
    const std::string wrong = body();
    _exit(write(told, wrong.data(), wrong.size()) == static_cast<ssize_t>(wrong.size()) ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::string wrong(static_cast<std::size_t>(lseek(told, 0, SEEK_END)), '\0');
  if (pread(told, wrong.data(), wrong.size(), 0) < 0) wrong = "not told";
  close(told);
  return status == 0 ? wrong : wrong + " status " + std::to_string(status);
}

}  // namespace heapglass
