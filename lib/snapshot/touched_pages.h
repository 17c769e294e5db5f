// Which pages of an image are read while somebody looks: those a snapshot has to keep, for it to answer the
// same.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "lib/target/image.h"

namespace heapglass {

constexpr std::uint64_t kSnapshotPage = 4096;  // of a segment, from its start

class TouchedPages {
 public:
  // Notes what is read of `image` from here on, until this goes. Nobody else reads it meanwhile.
  explicit TouchedPages(std::shared_ptr<Image> image);
  ~TouchedPages();
  TouchedPages(const TouchedPages&) = delete;
  TouchedPages& operator=(const TouchedPages&) = delete;

  // As if these bytes were read, as far as they are there.
  void touch(Address from, std::uint64_t bytes) const;
  struct Page {
    std::uint32_t segment = 0;  // in the image's order
    std::uint64_t page = 0;     // in the segment
  };
  std::vector<Page> pages() const;  // in order of address

 private:
  class Guard;
  std::shared_ptr<Image> image_;
  std::vector<std::shared_ptr<Guard>> guards_;
};

}  // namespace heapglass
