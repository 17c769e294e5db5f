// Functions that hostile.py and escapes.py make the tp_traverse of their classes: what an extension could do
// to whoever calls it. Needs nothing of Python's. x86-64 Linux.
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

typedef int (*visitproc)(void*, void*);

extern "C" {

void* referent;         // an object that honest functions visit
uint64_t* victim;       // another object, to be damaged
const char* file_path;  // of a file that must never be
const uint64_t* asked;  // rows of a type's address, a system call and its six arguments; ends with 0

static long call(long number, long a = 0, long b = 0, long c = 0) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

int honest(void*, visitproc visit, void* arg) { return visit(referent, arg); }

int opens(void*, visitproc, void*) { return open(file_path, O_CREAT | O_WRONLY, 0600); }

int opens_plainly(void*, visitproc, void*) {
  return static_cast<int>(call(2, reinterpret_cast<long>(file_path), O_CREAT | O_WRONLY, 0600));
}

int opens_as_32_bit(void*, visitproc, void*) {  // the kernel's other door
  int result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(5), "b"(0), "c"(O_CREAT | O_WRONLY), "d"(0600)
                   : "memory");
  return result;
}

int opens_as_x32(void*, visitproc, void*) {
  return static_cast<int>(call(0x40000002, reinterpret_cast<long>(file_path), O_CREAT | O_WRONLY, 0600));
}

int executes(void*, visitproc, void*) {
  const char* const command[] = {"/usr/bin/touch", file_path, nullptr};
  return execve(command[0], const_cast<char* const*>(command), nullptr);
}

int forks(void*, visitproc, void*) { return fork(); }

int connects(void*, visitproc, void*) { return socket(AF_INET, SOCK_STREAM, 0); }

int writes(void*, visitproc, void*) { return static_cast<int>(write(1, "hostile\n", 8)); }

int kills(void*, visitproc, void*) { return kill(getppid(), SIGKILL); }

int maps_memory(void*, visitproc, void*) { return malloc(1 << 30) != nullptr; }

int aborts(void*, visitproc, void*) { abort(); }

int exits(void*, visitproc, void*) { _exit(0); }

int loops(void*, visitproc, void*) {
  while (true) __asm__ volatile("pause");
}

int floods(void*, visitproc visit, void* arg) {
  while (true) visit(referent, arg);
}

int visits_nonsense(void*, visitproc visit, void* arg) {
  visit(nullptr, arg);
  visit(reinterpret_cast<void*>(~uint64_t{0}), arg);
  visit(reinterpret_cast<void*>(uint64_t{2} << 60), arg);
  visit(reinterpret_cast<void*>(0x1234), arg);
  return visit(file_path ? const_cast<char*>(file_path) : nullptr, arg);
}

int damages_another(void*, visitproc, void*) {
  victim[0] = victim[1] = 0;
  return 0;
}

int damages_code(void*, visitproc, void*) {
  *reinterpret_cast<volatile char*>(reinterpret_cast<uint64_t>(&abort)) = 0;
  return 0;
}

int loses_its_stack(void*, visitproc, void*) {
  __asm__ volatile("xor %%esp, %%esp; push %%rax" : : : "memory");
  return 0;
}

int forges_the_record(void*, visitproc, void* arg) {
  // All that it can write in the caller's block of memory, wherever that may be.
  const uint64_t block = reinterpret_cast<uint64_t>(arg) & ~uint64_t{(16 << 20) - 1};
  for (uint64_t i = 0; i < (4 << 20) / 8; ++i)
    reinterpret_cast<volatile uint64_t*>(block + 0xa00000)[i] = ~uint64_t{0};
  while (true) __asm__ volatile("pause");
}

int damages_the_caller(void*, visitproc, void* arg) {
  for (int i = 0; i < 64; ++i) static_cast<volatile uint64_t*>(arg)[i] = ~uint64_t{0};
  return 0;
}

int damages_the_limits(void*, visitproc, void* arg) {
  *reinterpret_cast<volatile uint64_t*>(reinterpret_cast<uint64_t>(arg) & ~uint64_t{(16 << 20) - 1}) =
      ~uint64_t{0};
  return 0;
}

int asks_the_system(void* object, visitproc, void*) {
  const uint64_t type = static_cast<const uint64_t*>(object)[1];
  const uint64_t* row = asked;
  while (row[0] != type) row += 8;
  long result;
  register uint64_t fourth __asm__("r10") = row[5];
  register uint64_t fifth __asm__("r8") = row[6];
  register uint64_t sixth __asm__("r9") = row[7];
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(row[1]), "D"(row[2]), "S"(row[3]), "d"(row[4]), "r"(fourth), "r"(fifth), "r"(sixth)
                   : "rcx", "r11", "memory");
  return static_cast<int>(result);
}

}  // extern "C"
