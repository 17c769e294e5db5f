// The heap of one capture: what it was made from, and what commands ask of it. A live process, a core and a
// snapshot give the same Heap.
//
// Everything under "On demand" is computed when it is first asked for, once, by whichever thread comes first;
// the others wait for it. All of it lives as long as the heap.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/caveat.h"
#include "lib/base/limits.h"
#include "lib/base/read_errors.h"
#include "lib/graph/dominators.h"
#include "lib/graph/garbage.h"
#include "lib/graph/root_paths.h"
#include "lib/heap/builder.h"
#include "lib/heap/external_roots.h"
#include "lib/heap/labels.h"
#include "lib/heap/object_view.h"
#include "lib/heap/owners.h"
#include "lib/python/frames.h"
#include "lib/python/types.h"
#include "lib/target/open_files.h"
#include "lib/target/target.h"
#include "lib/target/traverse_stats.h"

namespace heapglass {

class ReadRecorder;
class SnapshotTarget;

// What opening a target gives: values that refer to each other, so that they are not moved any more.
struct HeapParts {
  std::unique_ptr<Target> target;
  PyRuntime python;
  Capture capture;
  std::vector<TargetState>
      states;  // what the kernel and the interpreter say of it, where it does not just run
  Limits limits;
  ReadErrors read_errors;
  std::unique_ptr<Objects> objects;
  std::unique_ptr<TypeTable> types;
  std::vector<PyInterpreter> interpreters;
  HeapGraph graph;  // empty where only interpreters, threads and frames were asked for
  BuildReport report;
  TraverseStats traversed;
  OpenFiles open_files;  // where they were asked for
  Binaries binaries;     // where they were asked for: programs and libraries, with their debug files
  // What is known of the values of texts, numbers and bytes: "kept", "none", or "hashed" and the key's name.
  // Of one wording, those of two captures can be compared.
  std::string value_policy = "kept";
  std::string resolve;      // --resolve, auto decided: run, scan or layout
  std::string why_not_run;  // where auto did not, and there was something to run
  // Of a snapshot: the file, which answers what its part of the memory cannot.
  const SnapshotTarget* snapshot = nullptr;
  // Where the heap is to be saved: records which part of the memory answers read.
  std::shared_ptr<ReadRecorder> recorder;
};

class Heap {
 public:
  explicit Heap(std::unique_ptr<HeapParts> parts);
  ~Heap();

  const Target& target() const { return *parts_->target; }
  const PyRuntime& python() const { return parts_->python; }
  const Capture& capture() const { return parts_->capture; }
  CaptureOrigin origin() const;
  const std::vector<TargetState>& states() const { return parts_->states; }
  const std::vector<PyInterpreter>& interpreters() const { return parts_->interpreters; }
  TypeTable& types() const { return *parts_->types; }
  const Objects& objects() const { return *parts_->objects; }
  const HeapGraph& graph() const { return parts_->graph; }
  const BuildReport& report() const { return parts_->report; }
  const ReadErrors& read_errors() const { return parts_->read_errors; }
  const TraverseStats& traversed() const { return parts_->traversed; }
  const OpenFiles& open_files() const { return parts_->open_files; }
  const Binaries& binaries() const { return parts_->binaries; }
  const std::string& value_policy() const { return parts_->value_policy; }
  const std::string& resolve() const { return parts_->resolve; }
  const std::string& why_not_run() const { return parts_->why_not_run; }
  const SnapshotTarget* snapshot() const { return parts_->snapshot; }
  // For what is saved of it: lib/snapshot changes the recorder and the policy.
  HeapParts& parts() { return *parts_; }
  const HeapParts& parts() const { return *parts_; }

  Address address(NodeId n) const { return graph().index->address(n); }
  const GraphType& type_of(NodeId n) const { return graph().types[graph().type[index(n)]]; }
  // The objects of these types and at these addresses, in order of address. Throws Error kUsage where there
  // are none, with names that are near.
  std::vector<NodeId> select(const std::vector<std::string>& types, const std::vector<Address>& ids) const;
  std::vector<std::string> type_names() const;
  // Why there may be no object of a type: the class is there without instances, or names that are near. "":
  // neither.
  std::string hint_of_missing_type(const std::string& wanted) const;
  // Was it read while the target ran? Then, how many contradictions the reading met, each an object or
  // reference caught half changed.
  bool read_while_running() const;
  std::uint64_t torn() const;
  // What is not exact in this heap, and what was skipped. For under every answer.
  std::vector<Caveat> caveats() const;

  // On demand; all need the graph's references.
  const Referrers& referrers() const;
  // How many of the references to it are weak.
  std::uint64_t weak_references(NodeId node) const;
  const ExternalRoots& external_roots() const;
  const Dominators& dominators() const;
  // Modules that sys.modules has under their names.
  const std::vector<NodeId>& modules() const;
  // Paths from every root: modules, frames, threads, the interpreter, then C code.
  const RootPaths& root_paths() const;
  // Other ones: not through `avoid`, or from those of `from` alone. The functions are called while this runs.
  RootPaths root_paths(const std::function<bool(NodeId)>& avoid,
                       const std::function<bool(NodeId)>& from) const;
  const Garbage& garbage() const;
  const Owners& owners() const;

  // On demand, and for one thread at a time: both remember what they have read. Another thread makes its own.
  Labels& labels() const;
  // Tells retained sizes too.
  const ObjectView& view() const;

 private:
  struct Answers;
  std::unique_ptr<HeapParts> parts_;
  std::unique_ptr<Answers> answers_;
};

}  // namespace heapglass
