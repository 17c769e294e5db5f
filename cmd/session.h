// What every command shares: from the word TARGET to a graph. The whole story reads in open().
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cmd/command.h"
#include "cmd/run_resolver.h"
#include "lib/base/caveat.h"
#include "lib/base/limits.h"
#include "lib/base/read_errors.h"
#include "lib/graph/builder.h"
#include "lib/python/frames.h"
#include "lib/python/types.h"
#include "lib/render/formats.h"
#include "lib/render/report.h"
#include "lib/target/target.h"
#include "platform/open_files.h"

namespace heapglass {

class Metadata;
class SnapshotTarget;
class SnapshotWriter;
class ReadRecorder;

struct SessionOptions {
  bool graph = true;  // false: no more than interpreters, threads and frames
  bool references = true;
  bool residency = false;   // the capture tells which pages were in memory
  bool sharing = false;     // what other processes map too is known
  bool to_save = false;     // notes what is read of the memory, for save()
  bool open_files = false;  // those of a process that runs are read
  // Adds to the options what it writes and does that is known only with the target.
  std::function<void(const Target&, CommonOptions&)> agree;
};

class Session {
 public:
  ~Session();
  // Looks again at a process that becomes another program meanwhile.
  static std::unique_ptr<Session> open(const CommonOptions& common, const SessionOptions& options);

  const Target& target() const { return *target_; }
  const PyRuntime& python() const { return python_; }
  const Capture& capture() const { return capture_; }
  // What is not as it is with a process that just runs, of the kernel's and of the interpreter's word.
  const std::vector<TargetState>& states() const { return states_; }
  const std::vector<PyInterpreter>& interpreters() const { return interpreters_; }
  TypeTable& types() { return *types_; }
  const Objects& objects() const { return *objects_; }
  const HeapGraph& graph() const { return graph_; }
  const BuildReport& report() const { return report_; }
  const ReadErrors& health() const { return health_; }
  const TraverseSandboxStats& ran() const { return ran_; }
  const OpenFiles& open_files() const { return open_files_; }
  double elapsed_ms() const;
  // All that a snapshot of this moment has, opened with to_save, but `facts`, to which it adds: those are the
  // caller's to save. The session lives until `writer` has written.
  void save(SnapshotWriter& writer, Metadata& facts) const;
  const ReadRecorder& touched() const { return *touched_; }
  // From here on, and instead of what was noted before, notes by words.
  void record_by_word();
  // What is known of the values of texts, numbers and bytes: "kept", "none", or "hashed" and the key's name.
  // Of one wording, those of two moments can be compared.
  const std::string& values() const { return values_; }
  void hide_values() { values_ = "none"; }
  // Equal for equal values: a number for each object that has one, to be saved.
  void hash_values(const std::function<std::uint64_t(std::string_view)>& hash, std::string values);
  // With --freeze=none: how many contradictions the reading met, each an object or reference caught half
  // changed.
  std::uint64_t torn() const;

  // The objects that --type and --id ask for, in order of address. Throws Error kUsage where there are none,
  // with names that are near.
  std::vector<NodeId> select(const std::vector<std::string>& types,
                             const std::vector<std::string>& ids) const;
  std::vector<std::string> type_names() const;
  // A line each: what is not exact in this graph, and what was skipped. For under every report.
  std::vector<Caveat> caveats() const;
  // Writes the document where the common options want it, with the caveats as notes.
  void write(Document document, const CommonOptions& common, const std::string& default_format = "text",
             RenderOptions render = {}) const;

 private:
  Session();
  static std::unique_ptr<Session> open_once(const CommonOptions& common, const SessionOptions& options);
  void note_states(bool saved);
  bool main_thread_ends_it() const;
  bool reads_running() const { return capture_.freeze == name_of(FreezeMode::kNone); }
  std::unique_ptr<Target> open_target(const CommonOptions& common, const SessionOptions& options);
  void give_up_rights(const CommonOptions& common);
  void name_threads();
  void build(const CommonOptions& common, const SessionOptions& options);
  void load(const SnapshotTarget& snapshot, const SessionOptions& options);
  void log(bool verbose) const;

  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::unique_ptr<Target> target_;
  PyRuntime python_;
  Capture capture_;
  std::vector<TargetState> states_;
  std::unique_ptr<ReadRecorder> touched_;
  Limits limits_;
  ReadErrors health_;
  std::unique_ptr<Objects> objects_;
  std::unique_ptr<TypeTable> types_;
  std::vector<PyInterpreter> interpreters_;
  HeapGraph graph_;
  BuildReport report_;
  TraverseSandboxStats ran_;
  OpenFiles open_files_;
  std::string values_ = "kept";
  std::string resolve_;  // --resolve, auto decided: run, scan or layout
  std::string why_not_confined_;
  std::string why_not_run_;  // where auto did not, and there was something to run
  double find_ms_ = 0, graph_ms_ = 0;
  double before_ms_ = 0, before_cpu_ms_ = 0, settle_ms_ = 0;  // up to the first capture; right after it
  int captures_ = 0;
};

}  // namespace heapglass
