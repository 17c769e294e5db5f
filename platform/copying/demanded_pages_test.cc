#include "platform/copying/demanded_pages.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "platform/copying/memory_copier.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kPages = 40;

std::byte value_of(std::uint64_t at, int round) {
  return static_cast<std::byte>((at * 2654435761u >> 13) + static_cast<std::uint64_t>(round));
}

// A child of this process with memory that it writes anew when it is told to.
class DemandedPagesOfAChild : public testing::Test {
 protected:
  DemandedPagesOfAChild() {
    memory_ = static_cast<std::byte*>(
        mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    untouched_ = static_cast<std::byte*>(
        mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (pipe(orders_) != 0 || pipe(answers_) != 0) throw std::runtime_error("pipe");
    child_ = fork();
    if (child_ == 0) {
      // Ends with this process, whose end of the pipe goes then.
      close(orders_[1]);
      char round = 0;
      do {
        for (std::uint64_t i = 0; i < kPages * kPage; ++i) memory_[i] = value_of(i, round);
        if (write(answers_[1], "x", 1) != 1) break;
      } while (read(orders_[0], &round, 1) == 1);
      _exit(0);
    }
    close(orders_[0]);
    wait_for_it();
    process_.emplace(Process::open(child_));
  }
  ~DemandedPagesOfAChild() override {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    for (const int fd : {orders_[1], answers_[0], answers_[1]}) close(fd);
    munmap(memory_, kPages * kPage);
    munmap(untouched_, kPages * kPage);
  }
  void write_anew(char round) {
    ASSERT_EQ(write(orders_[1], &round, 1), 1);
    wait_for_it();
  }
  Address at(std::uint64_t offset) const {
    return Address{reinterpret_cast<std::uint64_t>(memory_) + offset};
  }
  // Empty, or what of [offset, offset + size) is not as it was written in that round.
  std::string wrong(const Image& image, std::uint64_t offset, std::uint64_t size, int round) const {
    const std::byte* const bytes = image.at(at(offset), size);
    if (!bytes) return "not to be had";
    for (std::uint64_t i = 0; i < size; ++i)
      if (bytes[i] != value_of(offset + i, round)) return "other at " + std::to_string(offset + i);
    return "";
  }
  Process& process() { return *process_; }
  std::byte *memory_ = nullptr, *untouched_ = nullptr;

 private:
  void wait_for_it() {
    char ready = 0;
    if (read(answers_[0], &ready, 1) != 1) throw std::runtime_error("the child has ended");
  }
  int orders_[2] = {}, answers_[2] = {};
  pid_t child_ = 0;
  std::optional<Process> process_;
};

TEST_F(DemandedPagesOfAChild, AreTakenWhenTheyAreAskedForAndTheNextTimeBeforehand) {
  DemandedPages pages(process());
  ASSERT_TRUE(pages.take(process().mappings()));
  EXPECT_EQ(pages.pages_wanted(), 0u);
  EXPECT_EQ(wrong(*pages.image(), 3 * kPage - 5, 10, 0), "");
  EXPECT_EQ(wrong(*pages.image(), 7 * kPage, 3 * kPage, 0), "");
  EXPECT_EQ(pages.pages_late(), 5u);
  write_anew(1);
  EXPECT_EQ(wrong(*pages.image(), 3 * kPage - 5, 10, 0), "") << "what was taken stays";
  ASSERT_TRUE(pages.take(process().mappings()));
  write_anew(2);
  EXPECT_EQ(wrong(*pages.image(), 3 * kPage - 5, 10, 1), "");
  EXPECT_EQ(wrong(*pages.image(), 7 * kPage, 3 * kPage, 1), "");
  EXPECT_EQ(pages.pages_late(), 0u);
  EXPECT_EQ(wrong(*pages.image(), 20 * kPage, 1, 2), "") << "a late page is of a later moment";
  EXPECT_EQ(pages.pages_late(), 1u);
  EXPECT_EQ(pages.bytes_taken(), 6 * kPage);
}

TEST_F(DemandedPagesOfAChild, NothingIsReadOnceItIsClosed) {
  DemandedPages pages(process());
  pages.take(process().mappings());
  EXPECT_EQ(wrong(*pages.image(), 0, 8, 0), "");
  pages.close();
  EXPECT_EQ(wrong(*pages.image(), 0, 8, 0), "");
  EXPECT_EQ(wrong(*pages.image(), kPage, 8, 0), "not to be had");
  std::byte to[16];
  EXPECT_FALSE(pages.image()->read(at(kPage - 8), to));
}

TEST_F(DemandedPagesOfAChild, TheImageOutlivesTheProcess) {
  std::shared_ptr<Image> image;
  {
    DemandedPages pages(process());
    pages.take(process().mappings());
    image = pages.image();
    EXPECT_EQ(wrong(*image, 5, 8, 0), "");
  }
  EXPECT_EQ(wrong(*image, 5, 8, 0), "");
  EXPECT_EQ(wrong(*image, kPage, 8, 0), "not to be had");
}

TEST_F(DemandedPagesOfAChild, WhatTheProcessHasNotTouchedStaysSo) {
  DemandedPages pages(process());
  pages.take(process().mappings());
  const Address there{reinterpret_cast<std::uint64_t>(untouched_)};
  const std::byte* const bytes = pages.image()->at(there, kPages * kPage);
  ASSERT_NE(bytes, nullptr);
  EXPECT_EQ(std::count(bytes, bytes + kPages * kPage, std::byte{0}),
            static_cast<std::ptrdiff_t>(kPages * kPage));
  const PageMap map(process().pid());
  if (!map) GTEST_SKIP() << "the page map of a child is hidden here";
  std::size_t touched = 0;
  map.each({value(there), value(there) + kPages * kPage},
           [&](std::uint64_t, std::uint64_t entry) { touched += PageMap::has_page(entry); });
  EXPECT_EQ(touched, 0u);
}

// All of a library that is mapped, whether its pages were ever touched or not, is the file's bytes.
TEST_F(DemandedPagesOfAChild, PagesOfFilesAreTheFiles) {
  const Mappings mappings = process().mappings();
  DemandedPages pages(process());
  pages.take(mappings);
  const auto copier = std::make_shared<MemoryCopier>(process());
  ASSERT_TRUE(copier->copy(mappings, CopyClock::time_point::max(), false));
  Capture whole{.image = std::make_shared<Image>()};
  copier->build(whole, copier);
  std::uint64_t compared = 0;
  for (const Mapping& m : mappings) {
    if (!m.has_file() || m.writable || !m.readable || m.shared || compared > (4u << 20)) continue;
    for (Address a = m.start; a < m.end; a = a + kPage) {
      const std::byte *one = pages.image()->at(a, kPage), *other = whole.image->at(a, kPage);
      ASSERT_EQ(one == nullptr, other == nullptr) << m.path;
      if (one) {
        ASSERT_EQ(std::memcmp(one, other, kPage), 0) << m.path << " at " << (a - m.start);
        compared += kPage;
      }
    }
  }
  EXPECT_GT(compared, 1u << 20);
}

TEST_F(DemandedPagesOfAChild, AChildOfOursCanAskForThem) {
  DemandedPages pages(process());
  pages.take(process().mappings());
  EXPECT_TRUE(pages.rehearse(
      [&] {
        if (!wrong(*pages.image(), kPage, 4 * kPage, 0).empty()) _exit(1);
        (void)pages.image()->at(at(30 * kPage), 1);
      },
      CopyClock::time_point::max()));
  EXPECT_EQ(pages.pages_late(), 5u);
  pages.close();
  EXPECT_EQ(wrong(*pages.image(), kPage, 4 * kPage, 0), "");
  EXPECT_EQ(wrong(*pages.image(), 30 * kPage, kPage, 0), "");
}

TEST_F(DemandedPagesOfAChild, AChildOfOursThatIsLateIsEnded) {
  DemandedPages pages(process());
  pages.take(process().mappings());
  EXPECT_FALSE(pages.rehearse([] { pause(); }, CopyClock::now() + std::chrono::milliseconds(30)));
  EXPECT_TRUE(pages.rehearse([] { throw std::runtime_error("wrong"); }, CopyClock::time_point::max()));
  EXPECT_TRUE(pages.rehearse([] { abort(); }, CopyClock::time_point::max()));
  EXPECT_TRUE(pages.rehearse([&] { (void)pages.image()->at(at(0), 1); }, CopyClock::time_point::max()));
  EXPECT_EQ(pages.pages_late(), 1u);
}

TEST(DemandedPages, AreNotAllThatThereIs) {
  constexpr std::uint64_t kSize = DemandedPages::kMostBytes + (8u << 20);
  auto* const memory = static_cast<std::byte*>(
      mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  ASSERT_NE(static_cast<void*>(memory), MAP_FAILED);
  const Process itself = Process::open(getpid());
  DemandedPages pages(itself);
  pages.take(itself.mappings());
  const Address from{reinterpret_cast<std::uint64_t>(memory)};
  EXPECT_NE(pages.image()->at(from, 1u << 20), nullptr);
  EXPECT_FALSE(pages.is_too_much());
  EXPECT_EQ(pages.image()->at(from, kSize), nullptr);
  EXPECT_TRUE(pages.is_too_much());
  EXPECT_LE(pages.bytes_taken(), DemandedPages::kMostBytes + 64 * kPage);
  munmap(memory, kSize);
}

}  // namespace
}  // namespace heapglass
