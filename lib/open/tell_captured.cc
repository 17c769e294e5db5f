#include "lib/open/tell_captured.h"

#include <unistd.h>

#include <cstdlib>

#include "platform/process/threads.h"

namespace heapglass {

void tell_captured() {
  const char* const number = std::getenv("HEAPGLASS_CAPTURED_FD");
  const int fd = number ? std::atoi(number) : 0;
  if (fd <= STDERR_FILENO) return;
  (void)!write(fd, "c", 1);
  close(fd);
  end_priority();
}

}  // namespace heapglass
