// From the word TARGET to a Heap: find the interpreter, capture the memory, check the layout, decode. After
// the last capture heapglass gives up its rights before anything of the target is decoded.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/heap/heap.h"
#include "lib/open/snapshot_handle.h"
#include "lib/render/output_options.h"
#include "lib/target/freeze.h"

namespace heapglass {

// What every command that captures takes.
struct TargetOptions {
  std::string target;          // a process id, a core, a snapshot
  bool is_piped_core = false;  // that target names what was read from a pipe: store_piped_core()
  FreezeRequest freeze;
  std::string resolve = "auto";
  std::string sysroot;
  std::optional<std::uint64_t>
      max_memory;  // bytes, of each process of heapglass: set when the line is parsed
  int nice = 10;   // steps that decoding comes behind other processes
  bool verbose = false;
  // Another capture follows: heapglass keeps its rights.
  bool more_captures = false;
  // What `target` names; empty: that is opened.
  std::optional<SnapshotHandle> opened;
};

struct CommonOptions : TargetOptions, OutputOptions {};

// What of a heap the caller needs.
struct HeapNeeds {
  bool graph = true;  // false: no more than interpreters, threads and frames
  bool references = true;
  bool residency = false;   // the capture tells which pages were in memory
  bool sharing = false;     // what other processes map too is known
  bool to_save = false;     // records what is read of the memory: Heap::parts().recorder
  bool open_files = false;  // those of a process that runs are read
  bool binaries = false;    // Heap::binaries() are there
  // Of a heap without graph: computes the answer, as the caller will, which is how it is known what little of
  // a process' memory that reads. Called in a child, whose heap is lost with it. Empty: all memory is taken.
  std::function<void(const Heap&)> rehearse;
  // Is given what was captured while heapglass still has its rights: bytes that nothing has been decoded of.
  std::function<void(const Target&, const Capture&)> on_capture;
  // Adds to the options what it writes and does that is known only with the target.
  std::function<void(const Target&, CommonOptions&)> agree;
};

// Of a command that opens several, before the first is stopped. Throws the Error of the first that is not
// there, may not be read, or is neither a process nor a file of a kind that is opened.
void check_targets(const TargetOptions& common, std::span<const std::string> targets);

// Opens files that are all snapshots, and gives up the rights, before anything of them is decoded. Throws the
// Error of the first that is not there, or is no snapshot.
std::vector<SnapshotHandle> open_snapshots(const CommonOptions& common, std::span<const std::string> paths);

// Captures again where the process becomes another program meanwhile. Throws Error.
std::unique_ptr<Heap> open_heap(const CommonOptions& common, const HeapNeeds& needs);

}  // namespace heapglass
