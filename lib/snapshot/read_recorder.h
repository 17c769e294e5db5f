// What of an image is read while somebody looks: that is what a snapshot has to keep, for it to answer the
// same. What is hidden is refused meanwhile, as it will be by the file: whoever reads here reads the
// snapshot.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <unordered_map>
#include <vector>

#include "lib/target/image.h"

namespace heapglass {

constexpr std::uint64_t kSnapshotPage = 4096;  // of a segment, from its start
constexpr std::uint64_t kWordsOfPage = kSnapshotPage / 8;

// A bit for each word of 8 bytes of one page.
using WordMask = std::array<std::uint64_t, kWordsOfPage / 64>;

class ReadRecorder {
 public:
  enum class Unit { kWholePage, kWord };

  // Notes what is read of `image` from here on, until this goes, by whole pages or by words. Nobody else
  // reads it meanwhile.
  ReadRecorder(std::shared_ptr<Image> image, Unit unit);
  ~ReadRecorder();
  ReadRecorder(const ReadRecorder&) = delete;
  ReadRecorder& operator=(const ReadRecorder&) = delete;

  // Notes nothing from here on.
  void stop() const { image_->guard({}); }

  Unit unit() const { return unit_; }
  // As if these bytes were read, as far as they are there and not hidden.
  void touch(Address from, std::uint64_t bytes) const;
  // By words: these are not there to be read, as they are not for who reads the file. What of them was read
  // before counts as not read. From many threads.
  void hide(Address from, std::uint64_t bytes) const;
  // These are, whatever was hidden before. From many threads: who finds a word not hidden any more finds all
  // that its thread had revealed before.
  void reveal(Address from, std::uint64_t bytes) const;
  bool is_hidden(Address word) const;
  // Of the same image, and by words: what `other` has whole is not hidden here.
  void reveal_whole_of(const ReadRecorder& other) const;
  // By words: this one is there, but nobody may know what it was. From many threads.
  void blank(Address word) const;
  // By words: of this one only the first bytes, fewer than 8, are anybody's; told twice, the fewer count.
  // From one thread.
  void cut(Address word, unsigned bytes) const;
  // By words: in this one's place `seen` is to be found. From one thread.
  void replace(Address word, std::uint64_t seen) const;
  bool is_touched(Address word) const;
  // By words, of the same image: as if all that was noted by `other` had been noted here. What one of them
  // has whole is whole; of a word that was cut by both, what the other has is taken.
  void take_over(const ReadRecorder& other) const;

  struct Page {
    std::uint32_t segment = 0;  // in the image's order
    std::uint64_t page = 0;     // in the segment
  };
  std::vector<Page> pages() const;  // in order of address
  // By words: those that were read, and those of them that are to be blank.
  WordMask read_of(Page page) const;
  WordMask blank_of(Page page) const;
  // What is to be found in the place of a blank word that was `word`.
  std::uint64_t redacted_value(Address at, std::uint64_t word) const {
    if (const auto replaced = replaced_.find(value(at)); replaced != replaced_.end()) return replaced->second;
    const auto cut = cut_.find(value(at));
    return cut == cut_.end() ? 0 : word & ((std::uint64_t{1} << cut->second * 8) - 1);
  }

 private:
  class Guard;
  bool is_blank(Address word) const;
  bool has(Address word, const std::unique_ptr<std::atomic<std::uint64_t>[]> Guard::*bits) const;
  // Calls change(guard, at, mask) for the words of the segment that `from` is in.
  template <class Change>
  void change(Address from, std::uint64_t bytes, Change change) const;
  std::shared_ptr<Image> image_;
  const Unit unit_;
  // By address of the word: what is there instead, and how many bytes of it stay.
  mutable std::unordered_map<std::uint64_t, std::uint64_t> replaced_;
  mutable std::unordered_map<std::uint64_t, unsigned> cut_;
  std::vector<std::shared_ptr<Guard>> guards_;
};

}  // namespace heapglass
