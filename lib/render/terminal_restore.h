// What a command did to the terminal, undone before anything else is said or the program ends, whatever the
// way: by signals, faults, and limits of time.
#pragma once

namespace heapglass {

// `restore` is async-signal-safe; null: there is nothing to undo.
void set_terminal_restore(void (*restore)()) noexcept;
// Calls it, once. Async-signal-safe.
void restore_terminal() noexcept;

}  // namespace heapglass
