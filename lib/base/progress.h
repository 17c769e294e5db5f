// What a command is at, and about how long the rest of it takes: for the line that people see while they
// wait. Kept by the thread that runs the command; other threads' stages do not count. Any thread may ask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace heapglass {

enum class Stage : std::uint8_t {
  kStart,       // what no other names
  kCapture,     // the target's files, and the copy of its memory
  kLoad,        // of a snapshot, instead of kStagesOfCapture
  kObjects,     // marking
  kReferences,  // writing down the graph
  kAllocators,
  kReferrers,
  kRoots,
  kDominators,
  kPaths,
  kOwners,
  kGarbage,
  kSuspects,
  kMemory,
  kSummary,
  kRecording,
  kSaving,
  kPicture,
  kWriting,
  kCount,
};
std::string_view words_for(Stage stage);  // "finding dominators"

// The stage that this thread is in until the end of the block; a stage within it takes its place meanwhile.
class InStage {
 public:
  explicit InStage(Stage stage);
  ~InStage();
  InStage(const InStage&) = delete;
  InStage& operator=(const InStage&) = delete;

 private:
  Stage before_ = Stage::kStart;
  bool counts_ = false;
};

using Stages = std::uint32_t;  // a bit for each
constexpr Stages stages(std::initializer_list<Stage> list) {
  Stages all = 0;
  for (const Stage each : list) all |= Stages{1} << static_cast<unsigned>(each);
  return all;
}

// A command begins, on this thread, which goes through these stages where it is long; none: its progress is
// not shown.
void begin_progress(Stages stages);
bool has_progress();
constexpr Stages kStagesOfCapture =
    stages({Stage::kCapture, Stage::kObjects, Stage::kReferences, Stage::kAllocators});

// The stages of a heap begin, of about so many objects, but for these; then how many there are.
void begin_heap(std::uint64_t expected_objects, Stages not_taken);
void expect_objects(std::uint64_t count);
// Of several processes or files, each of which takes about as long.
void expect_rounds(std::size_t done, std::size_t all);

struct Progress {
  Stage stage = Stage::kStart;
  std::uint64_t elapsed_ms = 0;          // since the command began
  std::optional<std::uint64_t> left_ms;  // an estimate
  std::size_t round = 0, rounds = 0;     // 0: there is one
};
Progress progress();

// Milliseconds that a stage has taken by itself, those of stages within it left out.
double took_ms(Stage stage);

}  // namespace heapglass
