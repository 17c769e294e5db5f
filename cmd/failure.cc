#include "cmd/failure.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <typeinfo>

#include "lib/base/error.h"
#include "lib/render/output.h"
#include "lib/render/terminal_restore.h"
#include "lib/render/unfinished.h"
#include "lib/render/utf8.h"

#ifndef HEAPGLASS_VERSION
#define HEAPGLASS_VERSION "of unknown version"
#endif
#ifndef HEAPGLASS_COMMIT
#define HEAPGLASS_COMMIT ""
#endif

namespace heapglass {
namespace {

constexpr char kWhatToReport[] = " (this is heapglass " HEAPGLASS_VERSION HEAPGLASS_COMMIT
                                 ": please report this line, and the command that it came from)";

int fail(int code, const std::string& what, const std::string& hint, std::string_view detail = {}) {
  // One line, whatever the target or the command line put into it.
  std::string text =
      "heapglass: " + printable(what) + (hint.empty() ? "" : " (" + printable(hint) + ")") + "\n";
  while (!detail.empty()) {
    const std::size_t end = std::min(detail.find('\n'), detail.size());
    text += "  " + printable(detail.substr(0, end)) + "\n";
    detail.remove_prefix(std::min(end + 1, detail.size()));
  }
  std::cerr << text << std::flush;
  return code;
}

int internal_error(const std::string& what) {
  std::cerr << "heapglass: internal error: " << printable(what) << kWhatToReport << "\n" << std::flush;
  return kExitInternal;
}

// What the library says of a thread that could not be started is the error's name alone.
bool lacks_a_resource(const std::error_code& code) {
  return code == std::errc::resource_unavailable_try_again || code == std::errc::not_enough_memory;
}

struct Crash {
  int signal;
  const char* name;
};
constexpr Crash kCrashes[] = {
    {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGILL, "SIGILL"}, {SIGFPE, "SIGFPE"}, {SIGABRT, "SIGABRT"}};

std::atomic<pid_t> program{0};
std::atomic<bool> was_told{false};

void say(const char* text) { (void)!write(STDERR_FILENO, text, std::strlen(text)); }

extern "C" void on_crash(int signal) {
  if (getpid() == program && !was_told.exchange(true)) {
    const auto* const crash = std::find_if(std::begin(kCrashes), std::end(kCrashes),
                                           [signal](const Crash& each) { return each.signal == signal; });
    restore_terminal();
    say("heapglass: internal error: ");
    say(crash == std::end(kCrashes) ? "a signal" : crash->name);
    say(kWhatToReport);
    say("\n");
    remove_unfinished_files();
  }
  ::signal(signal, SIG_DFL);
  raise(signal);  // delivered when this handler returns
}

[[noreturn]] void on_terminate() {
  if (getpid() == program && !was_told.exchange(true)) {
    if (const std::exception_ptr failure = std::current_exception())
      report_failure(failure);
    else
      internal_error("the program was ended from within");
  }
  std::abort();
}

}  // namespace

const char* version_and_commit() { return HEAPGLASS_VERSION HEAPGLASS_COMMIT; }

int report_failure(const std::exception_ptr& failure) {
  restore_terminal();
  try {
    std::rethrow_exception(failure);
  } catch (const OutputClosed&) {
    return 0;
  } catch (const Error& error) {
    return fail(static_cast<int>(error.kind()), error.what(), error.hint(), error.detail());
  } catch (const std::bad_alloc&) {
    return fail(static_cast<int>(ErrorKind::kUnreachable),
                "not enough memory for a copy of the target and its graph",
                "it takes about 60 MB and 1.3 times what the target has resident; --max-memory and ulimit -d "
                "limit it");
  } catch (const std::filesystem::filesystem_error& error) {
    return fail(static_cast<int>(ErrorKind::kFile), error.what(), "");
  } catch (const std::system_error& error) {
    if (!lacks_a_resource(error.code())) return internal_error(error.what());
    return fail(static_cast<int>(ErrorKind::kUnreachable),
                std::string("cannot start a thread: ") + error.what(),
                "heapglass itself may have too little memory or too few processes: see --max-memory, ulimit "
                "-d, -v and -u, "
                "and the control group's pids.max");
  } catch (const std::exception& error) {
    return internal_error(error.what());
  } catch (...) {
    return internal_error("an exception of unknown type");
  }
}

void report_crashes() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they have reports of their own
  program = getpid();
  std::set_terminate(on_terminate);
  // A stack that has no room left has none for the handler either.
  static char stack[1 << 15];
  stack_t other = {};
  other.ss_sp = stack;
  other.ss_size = sizeof stack;
  sigaltstack(&other, nullptr);
  for (const Crash& crash : kCrashes) {
    struct sigaction action = {};
    action.sa_handler = on_crash;
    action.sa_flags = SA_ONSTACK;
    sigfillset(&action.sa_mask);
    sigaction(crash.signal, &action, nullptr);
  }
#endif
}

void load_unwinder() {
  // glibc has no function for it that all releases have; an exception through pthread_once loads it in each.
  struct Passing {};
  try {
    std::once_flag once;
    std::call_once(once, [] { throw Passing(); });
  } catch (const Passing&) {
    return;
  }
}

}  // namespace heapglass
