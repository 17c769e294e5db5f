#include "platform/copying/demanded_pages.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "lib/base/error.h"
#include "platform/confinement/confine.h"
#include "platform/copying/swapped_pages.h"
#include "platform/copying/treatment.h"
#include "platform/process/wait_limit.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kPagesAtOnce = 64;

// Consecutive pages that somebody asks for.
struct Request {
  std::uint64_t first = 0, count = 0;  // address of a page; pages
};

// Zeros that parent and child both see; none is there before it is touched.
std::byte* shared_zeros(std::uint64_t size) {
  void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED)
    throw Error(ErrorKind::kUnreachable,
                "cannot make room for pages of the target: " + std::string(std::strerror(errno)),
                "it takes as much address space as the target has, and hardly any memory");
  return static_cast<std::byte*>(at);
}

// Over a socket, so that the other end's death is an error here and no signal.
bool send_all(int to, const void* bytes, std::size_t size) {
  const char* at = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t n = send(to, at, size, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

bool receive_all(int from, void* bytes, std::size_t size) {
  char* at = static_cast<char*>(bytes);
  while (size > 0) {
    const ssize_t n = read(from, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

// A child has nothing of ours to clean up, and nothing to say.
void be_a_child(pid_t parent) {
  for (const int each : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGALRM}) signal(each, SIG_DFL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
}

}  // namespace

// The bytes of one image and which of its pages are there. Shared with a child that reads it.
class DemandedPages::Book {
 public:
  explicit Book(const Mappings& mappings) {
    for (const Mapping& m : mappings) {
      const Treatment what = treatment_of(m);
      if (what == Treatment::kSkip) continue;
      const bool heap = what == Treatment::kCopy || m.writable;
      const Range range{value(m.start), value(m.end)};
      if (!pieces_.empty() && pieces_.back().range.end == range.start && pieces_.back().heap == heap)
        pieces_.back().range.end = range.end;
      else
        pieces_.push_back({range, size_, heap});
      size_ += range.size();
    }
    size_ = std::max<std::uint64_t>(size_, kPage);
    arena_ = shared_zeros(size_);
    // Whole words of bits for each piece.
    bits_size_ = (size_ / kPage / 64 + pieces_.size() + 1) * 8;
    try {
      bits_ = reinterpret_cast<std::atomic<std::uint64_t>*>(shared_zeros(bits_size_));
    } catch (const Error&) {
      munmap(arena_, size_);
      throw;
    }
  }
  ~Book() {
    munmap(arena_, size_);
    munmap(bits_, bits_size_);
  }
  Book(const Book&) = delete;
  Book& operator=(const Book&) = delete;

  const std::vector<Piece>& pieces() const { return pieces_; }
  std::byte* bytes_of(const Piece& piece) const { return arena_ + piece.at; }
  std::atomic<std::uint64_t>* bits_of(const Piece& piece) const {
    return bits_ + piece.at / kPage / 64 + static_cast<std::size_t>(&piece - pieces_.data());
  }
  const Piece* piece_of(std::uint64_t address) const {
    const auto after = std::partition_point(pieces_.begin(), pieces_.end(),
                                            [&](const Piece& p) { return p.range.end <= address; });
    return after != pieces_.end() && after->range.start <= address ? &*after : nullptr;
  }

  // In a child: asks the parent.
  void ask_through(int socket) { socket_ = socket; }
  void give_by(std::function<void(std::uint64_t first, std::uint64_t count)> give) {
    give_ = std::move(give);
  }
  // True where the pages are there now.
  bool want(Request request) {
    const std::lock_guard lock(mutex_);
    if (socket_ >= 0) {
      // A confined child may write, and not send.
      char done = 0;
      return write(socket_, &request, sizeof request) == static_cast<ssize_t>(sizeof request) &&
             receive_all(socket_, &done, 1) && done == 1;
    }
    if (!give_) return false;
    give_(request.first, request.count);
    return true;
  }

 private:
  std::vector<Piece> pieces_;  // in order of address
  std::uint64_t size_ = 0, bits_size_ = 0;
  std::byte* arena_ = nullptr;
  std::atomic<std::uint64_t>* bits_ = nullptr;  // a bit for each page
  std::mutex mutex_;
  std::function<void(std::uint64_t, std::uint64_t)> give_;  // empty: nothing more is to be had
  int socket_ = -1;
};

class DemandedPages::Guard final : public SegmentGuard {
 public:
  Guard(Book& book, const Piece& piece) : book_(book), piece_(piece), bits_(book.bits_of(piece)) {
    known = bits_;
    known_shift = kPageShift;
  }
  bool ready(std::uint64_t offset, std::uint64_t size) const override {
    const std::uint64_t end = (offset + size - 1) / kPage + 1;
    for (std::uint64_t page = offset / kPage; page < end;) {
      if (is_there(page)) {
        ++page;
        continue;
      }
      std::uint64_t behind = page + 1;
      while (behind < end && !is_there(behind)) ++behind;
      if (!book_.want({piece_.range.start + page * kPage, behind - page})) return false;
      for (; page < behind; ++page)
        if (!is_there(page)) return false;
    }
    return true;
  }

 private:
  static constexpr int kPageShift = 12;
  static_assert(std::uint64_t{1} << kPageShift == kPage);
  bool is_there(std::uint64_t page) const {
    return bits_[page / 64].load(std::memory_order_acquire) >> (page % 64) & 1;
  }
  Book& book_;
  const Piece& piece_;
  std::atomic<std::uint64_t>* bits_;
};

DemandedPages::DemandedPages(const Process& process) : process_(process), pages_(process.pid()) {}
DemandedPages::~DemandedPages() { close(); }

bool DemandedPages::take(const Mappings& now, CopyClock::time_point until) {
  close();
  mappings_ = now;
  late_ = 0;
  book_ = std::make_shared<Book>(now);
  image_ = std::make_shared<Image>();
  std::vector<std::shared_ptr<const SegmentGuard>> guards;
  for (const Piece& piece : book_->pieces()) {
    image_->add({.start = Address{piece.range.start},
                 .size = piece.range.size(),
                 .bytes = book_->bytes_of(piece),
                 .heap = piece.heap},
                book_);
    guards.push_back(std::make_shared<Guard>(*book_, piece));
  }
  image_->seal();
  image_->guard(guards);
  for (auto at = wanted_.begin(); at != wanted_.end();) {
    const std::uint64_t first = *at;
    std::uint64_t count = 0;
    for (; at != wanted_.end() && *at == first + count * kPage && count < kPagesAtOnce; ++at) ++count;
    if (CopyClock::now() > until) return false;
    give(first, count);
  }
  late_ = 0;
  book_->give_by([this](std::uint64_t first, std::uint64_t count) { give(first, count); });
  return true;
}

// A look at their entries in the page map and one read for each run of pages of one kind.
void DemandedPages::give(std::uint64_t first, std::uint64_t count) {
  for (std::uint64_t done = 0; done < count;) {
    const std::uint64_t page = first + done * kPage;
    const Piece* const piece = book_->piece_of(page);
    const Mapping* const m = find_mapping(mappings_, Address{page});
    if (!piece || !m) {
      ++done;
      continue;
    }
    if (wanted_.size() * kPage > kMostBytes) {
      too_much_ = true;
      return;
    }
    const std::uint64_t end =
        std::min({value(m->end), piece->range.end, first + count * kPage, page + kPagesAtOnce * kPage});
    give_of(*m, *piece, {page, end});
    done += (end - page) / kPage;
  }
}

void DemandedPages::give_of(const Mapping& m, const Piece& piece, Range pages) {
  std::array<std::uint64_t, kPagesAtOnce> entries{};
  const std::uint64_t count = pages.size() / kPage;
  const bool known = pages_ && pread(pages_.descriptor(), entries.data(), count * sizeof entries[0],
                                     static_cast<off_t>(pages.start / kPage * sizeof entries[0])) ==
                                   static_cast<ssize_t>(count * sizeof entries[0]);
  const auto is_there = [&](std::uint64_t n) { return !known || PageMap::has_page(entries[n]); };
  for (std::uint64_t n = 0; n < count;) {
    std::uint64_t end = n + 1;
    while (end < count && is_there(end) == is_there(n)) ++end;
    const Range run{pages.start + n * kPage, pages.start + end * kPage};
    std::byte* const to = book_->bytes_of(piece) + (run.start - piece.range.start);
    if (is_there(n)) {
      read_process(run, to);
    } else if (m.has_file()) {
      read_file(m, run, to);
    }
    for (; n < end; ++n) {
      const std::uint64_t page = pages.start + n * kPage, bit = (page - piece.range.start) / kPage;
      if (known && PageMap::is_swapped(entries[n])) swapped_.push_back({page, page + kPage});
      book_->bits_of(piece)[bit / 64].fetch_or(std::uint64_t{1} << (bit % 64), std::memory_order_release);
      wanted_.insert(page);
      ++late_;
    }
  }
}

// Not by process_vm_readv, which would take pages out of sharing. Gone by now: zeros.
void DemandedPages::read_process(Range run, std::byte* to) const {
  if (process_.read(Address{run.start}, std::span(to, run.size()))) return;
  for (std::uint64_t page = run.start; page < run.end; page += kPage) {
    std::byte* const each = to + (page - run.start);
    if (!process_.read(Address{page}, std::span(each, kPage))) std::memset(each, 0, kPage);
  }
}

void DemandedPages::read_file(const Mapping& m, Range run, std::byte* to) {
  const auto [at, is_new] = files_.try_emplace({m.device, m.inode});
  if (is_new) {
    const WaitLimit limit(WaitLimit::kFind);
    at->second = process_.open_mapped_file(m);
  }
  if (!at->second) return;
  const std::uint64_t from = m.file_offset + (run.start - value(m.start));
  for (std::uint64_t done = 0; done < run.size();) {
    const ssize_t n = pread(at->second.get(), to + done, run.size() - done, static_cast<off_t>(from + done));
    if (n <= 0) return;
    done += static_cast<std::uint64_t>(n);
  }
}

std::uint64_t DemandedPages::bytes_taken() const { return wanted_.size() * kPage; }

void DemandedPages::close() {
  if (book_) book_->give_by({});
}

bool DemandedPages::rehearse(const std::function<void()>& body, CopyClock::time_point until) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw Error(ErrorKind::kUnreachable,
                "no channel to a child of ours: " + std::string(std::strerror(errno)));
  FileDescriptor ours(ends[0]), theirs(ends[1]);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0)
    throw Error(ErrorKind::kUnreachable, "cannot make a child of ours: " + std::string(std::strerror(errno)));
  if (child == 0) {
    be_a_child(parent);
    ours = FileDescriptor();
    book_->ask_through(theirs.get());
    confine();
    try {
      body();
    } catch (const std::exception&) {
      // What is wrong is found once more, by who tells people.
    }
    _exit(0);
  }
  theirs = FileDescriptor();
  const bool in_time = answer(ours.get(), until);
  if (!in_time) kill(child, SIGKILL);
  ours = FileDescriptor();
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  // Pages that were late are zeros where the process has gone meanwhile.
  process_.check_alive();
  return in_time;
}

bool DemandedPages::answer(int socket, CopyClock::time_point until) {
  constexpr std::int64_t kLongestPoll = 1000;
  const bool for_ever = until == CopyClock::time_point::max();
  while (true) {
    std::int64_t left = kLongestPoll;
    if (!for_ever)
      left = std::chrono::duration_cast<std::chrono::milliseconds>(until - CopyClock::now()).count();
    if (left <= 0) return false;
    pollfd wait{socket, POLLIN, 0};
    const int ready = poll(&wait, 1, static_cast<int>(std::min(left, kLongestPoll)));
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    Request wanted;
    if (ready < 0 || !receive_all(socket, &wanted, sizeof wanted)) return true;  // it has ended
    // A child that decodes what others wrote may ask for anything.
    char done = 0;
    if (wanted.first % kPage == 0 && wanted.count <= kMostBytes / kPage) {
      give(wanted.first, wanted.count);
      done = 1;
    } else {
      too_much_ = true;
    }
    if (!send_all(socket, &done, 1)) return true;
  }
}

std::string DemandedPages::page_out_again() const { return heapglass::page_out_again(process_, swapped_); }

}  // namespace heapglass
