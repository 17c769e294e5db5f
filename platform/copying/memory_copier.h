// The memory of a process that can hold objects, copied: planned while it runs, copied at one moment, then
// put together as an image. Reads nothing that the target has not got, so that no page is made for it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/target/capture.h"
#include "platform/copying/copy_arena.h"
#include "platform/copying/copy_bytes.h"
#include "platform/copying/dirty_tracker.h"
#include "platform/copying/treatment.h"
#include "platform/process/new_processes.h"
#include "platform/process/page_map.h"

namespace heapglass {

class MemoryCopier {
 public:
  // Plans: maps, page map, pre-faulted buffers. Throws Error kUnreachable.
  // `urgent`: leaves no processor time to others while it copies. `process` is borrowed.
  explicit MemoryCopier(const Process& process, bool urgent = false);

  struct Estimate {
    std::uint64_t bytes = 0;
    double gigabytes_per_second = 0;  // of a sample, copied now the same way
    double ms = 0;                    // for copy() to take
  };
  // Before copy(): what that would take at this moment on this machine. Copies up to 32 MB to find out.
  Estimate estimate();
  // Once. False: `until` came first, and what was copied is of no use. `stopped`: the process is, and can
  // share nothing more meanwhile.
  bool copy(const Mappings& now, CopyClock::time_point until, bool stopped);
  // The same from a copy of the process, which has the same memory in the same places and does not run.
  void copy_of(const Process& other, const Mappings& now);

  // In rounds, while the process runs: what `tracker` says was written since the last one is copied. Takes in
  // mappings that are new. Returns the bytes copied.
  std::uint64_t copy_round(DirtyTracker& tracker);
  // Then, while it is held: as copy(), but of what the tracker watches only what was written since. False,
  // and nothing of that copied, where it is more than `most` bytes. `now`: what is mapped. Throws
  // FreezeModeUnavailable.
  bool copy_rest(const DirtyTracker& tracker, std::uint64_t most, Mappings& now);
  // After it, while it is still held: the pages whose bytes are not what was copied, of all that are there
  // and watched. Reads all of them once more.
  std::vector<std::uint64_t> wrong_pages();
  // After it: what was copied in a round and is gone since is zeros, as it is there.
  void drop_vanished();
  // Before another way of copying takes its place: no byte of a round is left.
  void forget_rounds();
  // After it, when the process runs again: what was in swap and was brought in to be read goes back there.
  // Returns what people should know of that; empty where nothing was in swap. A copy of the process brings in
  // its own.
  std::string page_out_again() const;
  // Mappings that a tracker can watch.
  static std::vector<Range> watchable(const Mappings& now);

  std::uint64_t bytes_copied() const { return bytes_copied_; }  // also of a copy that did not end
  std::uint64_t bytes_listed() const { return bytes_listed_; }
  // Whether it could be seen which pages there are. If not all are read, also those that nobody has touched.
  bool sees_pages() const { return static_cast<bool>(pages_); }
  // After copy(): its image and backing; `owner` keeps this object. `now` has to be there still.
  void build(Capture& capture, const std::shared_ptr<MemoryCopier>& owner);
  // After build(): the descriptors of the backing get their bytes. Throws Error kUnreachable.
  void fill_descriptors();

 private:
  // Bytes of room on both sides of a mapping's buffer: what grows between the look and the stop stays
  // contiguous with it.
  static constexpr std::uint64_t kSlack = 8u << 20;

  // One planned mapping: where its bytes will stand with us.
  struct Planned {
    Range range;  // in the target
    Treatment what = Treatment::kSkip;
    bool writable = false;
    bool view = false;                 // of the target's file, and no copy
    bool later = false;                // not there yet when it was planned
    std::byte* buffer = nullptr;       // of range.start
    std::byte* buffer_low = nullptr;   // slack before, included
    std::byte* buffer_high = nullptr;  // end, slack behind included
    std::vector<Range> runs;           // pages to copy in the stop
    std::vector<Range> in_rounds;      // copied before it, in any order, some more than once
    std::vector<Range> vanished;       // in the mapping at the stop, without a page
    int descriptor = -1;               // of what backs the buffer: the arena or the target's file
    std::uint64_t offset = 0;          // of range.start in it
  };
  struct Piece {  // of the image to be
    Range range;
    std::byte* bytes = nullptr;
    bool heap = false;
  };
  struct Backed {  // of the capture's backing to be, decided when copying and written down after it
    Range range;
    const Mapping* mapping = nullptr;
    int descriptor = -1;
    std::uint64_t offset = 0;
    const Planned* changed = nullptr;  // whose runs are not the file's
  };
  void plan();
  // copy_all(), which notes where bytes are now.
  CopyOutcome copy_jobs(const Process& from, const std::vector<CopyJob>& jobs, const CopyOptions& options);
  CopyBy by_what_is_shared() const;
  // The file of a mapping, opened once however many mappings it has; -1 where it cannot be had.
  int file_of(const Mapping& m);
  void plan_file(Planned& p, const Mapping& m, int file);
  // For a writable view of a file: pages that the target has never touched are still the file's.
  void read_gaps_from_file(const Planned& p, const Mapping& m);
  // Throws Error kUnreachable: before anything is stopped, and before the kernel ends us for what we take.
  void refuse_where_memory_is_short() const;
  void add_piece(Range range, std::byte* bytes, bool heap);
  // What is to be copied by these mappings, whatever has changed since the plan: all, or only what no tracker
  // watches.
  std::vector<CopyJob> list(const Mappings& now, bool all = true);
  void list_planned(Planned& p, Range here, std::uint64_t& gap_budget, std::vector<CopyJob>& jobs);
  // What is to be copied of memory that is new since the plan. It goes into the slack of the planned mapping
  // before or after it where it touches that, else into an arena of its own.
  void list_new(Range here, const Mapping& m, const Planned* before, const Planned* after,
                std::vector<CopyJob>& jobs);
  // What is to be copied of a mapping that is watched.
  void list_tracked(Range mapping, const DirtyTracker::Pages& tracked, std::vector<CopyJob>& jobs);
  // Mappings that are new since the plan get their place, beside what they have grown from where that is.
  void plan_more(const Mappings& now);
  Planned make_room(Range range, Planned* before, Planned* after);
  void place(Range run, std::vector<CopyJob>& jobs);
  // Memory that is one in the target and stands in several places with us, as it grew: one again, mapped once
  // more. An object may lie across.
  void join_pieces();
  void join(const Backed* first, const Backed* end);

  const Process& process_;
  PageMap pages_;
  NewProcesses new_processes_;  // since before the page map was read for the plan
  bool shares_ = false;         // pages with others, at that moment
  std::vector<Range> swapped_;  // pages, at that moment
  bool copied_itself_ = false;  // and not a copy that it made
  bool urgent_ = false;
  std::shared_ptr<CopyArena> arena_;
  std::vector<Planned> planned_;
  std::vector<Range> watched_;  // in the last round
  std::vector<std::shared_ptr<void>> file_views_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, FileDescriptor> files_;  // by device and inode
  std::vector<std::unique_ptr<CopyArena>> extra_;        // of mappings that list() found new
  std::vector<std::unique_ptr<CopyArena>> more_arenas_;  // of those that plan_more() did
  std::vector<CopyArena::Written> written_;
  std::vector<Piece> pieces_;
  std::vector<Backed> backed_;
  std::uint64_t bytes_copied_ = 0, bytes_listed_ = 0, bytes_in_rounds_ = 0;
};

}  // namespace heapglass
