// A thread that a process has for a while, so that nothing is left of a child that it makes for us: it makes
// the child, waits for the child's end, and ends.
//
// All that it does lies before it from its first instruction, as signal frames (signal_frame.h) one behind
// the other, each with the registers of its next system call; they are only ever read, in memory that nothing
// uses (sigframe_area.h). Whoever holds it may die at any moment: it goes on, and so does a child, which then
// finds nobody to wait for and ends. While we are there both are held where they would go on.
//
// The child is nobody's but the attendant's (it sends no signal at its end, and wait() of the program's own
// threads does not see it).
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <vector>

#include "platform/injection/injected_calls.h"
#include "platform/injection/sigframe_area.h"

namespace heapglass {

class InjectedForker {
 public:
  // Borrowed; of one hold. `room` is of find_sigframe_area(), `child_flags` of clone, without a signal.
  InjectedForker(const Process& process, const SyscallGadgets& sites, const SigframeArea& room,
                 std::uint64_t child_flags)
      : process_(process), sites_(sites), room_(room), child_flags_(child_flags) {}

  // In the stop, by one of the process' threads: 0, or -errno where it may have no thread more.
  long start(InjectedCalls& calls);
  // Once, by the thread of ours that started it: the child, traced by us and held before its first
  // instruction; -errno where there can be none.
  long make_child();
  // A system call of the held child, which stays held: what it returns. -ESRCH where it is gone.
  long call_in_child(long number, const std::array<std::uint64_t, 6>& arguments);
  // From time to time while the child is there: lets the attendant go on where somebody has stopped it.
  void tend();
  // Ends the child. False where something of it is left after some seconds.
  bool end();

 private:
  void write_sigframes(const user_regs_struct& like);
  bool go_on(int signal);

  const Process& process_;
  const SyscallGadgets sites_;
  const SigframeArea room_;
  const std::uint64_t child_flags_;
  pid_t tid_ = 0, child_ = 0;
};

// Where whoever held an attendant is gone: sees that it ends, and its child with it. In a process of ours
// that does nothing else. `children_before` are those of clone_children() that were there before.
// False where that takes longer than some seconds.
bool end_left_attendant(const Process& process, const SyscallGadgets& sites, const SigframeArea& room,
                        const std::vector<pid_t>& children_before);

}  // namespace heapglass
