// Pages of a process that are taken because somebody asks for them: for an answer that reads some hundred
// pages of a heap of any size.
//
// Which pages an answer reads is known once it was computed. So it is computed beforehand, on pages that are
// taken while the process runs, in a child that may do nothing else; then the process is held for as long as
// taking those pages once more takes.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/target/image.h"
#include "lib/target/mappings.h"
#include "platform/copying/copy_bytes.h"
#include "platform/files/file_descriptor.h"
#include "platform/process/page_map.h"
#include "platform/process/process.h"

namespace heapglass {

class DemandedPages {
 public:
  // More than about so many bytes asked for are better copied as a whole.
  static constexpr std::uint64_t kMostBytes = 64u << 20;

  // `process` is borrowed.
  explicit DemandedPages(const Process& process);
  ~DemandedPages();
  DemandedPages(const DemandedPages&) = delete;
  DemandedPages& operator=(const DemandedPages&) = delete;

  // Makes a new image by this memory map, with all pages that were asked for of those before it, as they are
  // now. False: `until` came first. Throws Error kUnreachable where there is no room for it.
  bool take(const Mappings& now, CopyClock::time_point until = CopyClock::time_point::max());
  // What take() has made. A page that take() did not know of is taken when it is asked for, from the process
  // as it is then. The image may outlive this object, and takes nothing more then.
  const std::shared_ptr<Image>& image() const { return image_; }
  std::uint64_t pages_wanted() const { return wanted_.size(); }
  // Pages of the image that take() did not know of.
  std::uint64_t pages_late() const { return late_; }
  std::uint64_t bytes_taken() const;
  // More was asked for than kMostBytes: what is above that is not in the image.
  bool is_too_much() const { return too_much_; }
  // From here on the process is not read any more: what the image has not got is not to be had.
  void close();

  // Runs `body`, which reads image(), in a child that is confined (confine.h) and can ask for pages. What it
  // makes is lost; what it throws ends it. False: it had not ended by `until`, and was killed.
  // Throws Error kUnreachable where the process has ended meanwhile.
  bool rehearse(const std::function<void()>& body, CopyClock::time_point until);

  // What people should know of pages that were in swap; empty where there were none.
  std::string page_out_again() const;

 private:
  class Guard;
  class Book;
  struct Piece {           // of the image
    Range range;           // in the target
    std::uint64_t at = 0;  // of range.start in the book's memory
    bool heap = false;
  };
  void give(std::uint64_t first, std::uint64_t count);
  // Of one mapping, at most kPagesAtOnce.
  void give_of(const Mapping& m, const Piece& piece, Range pages);
  void read_process(Range run, std::byte* to) const;
  // What the process has mapped of a file and never touched.
  void read_file(const Mapping& m, Range run, std::byte* to);
  // What a child asks for, until it has ended. False: `until` came first.
  bool answer(int socket, CopyClock::time_point until);

  const Process& process_;
  PageMap pages_;
  Mappings mappings_;
  std::set<std::uint64_t> wanted_;                                           // addresses of pages
  std::map<std::pair<std::uint64_t, std::uint64_t>, FileDescriptor> files_;  // by device and inode
  std::vector<Range> swapped_;
  std::shared_ptr<Book> book_;
  std::shared_ptr<Image> image_;
  std::uint64_t late_ = 0;
  bool too_much_ = false;
};

}  // namespace heapglass
