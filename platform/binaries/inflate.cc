#include "platform/binaries/inflate.h"

#include <elf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lib/base/error.h"
#include "platform/files/quantity_text.h"
#include "platform/files/regular_file.h"
#include "platform/process/memory_left.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kBehindTheEnd = 16u << 20;  // section names, padding of archives

// Nine tenths of what is free: a few bytes can inflate to more than there is room for.
std::uint64_t most_bytes() { return memory_left(getpid()).bytes / 10 * 9; }

// How many bytes a core file says that it has, as far as its first bytes tell; nullopt: they do not.
std::optional<std::uint64_t> stated_size(std::span<const std::byte> start) {
  Elf64_Ehdr header;
  if (start.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, start.data(), sizeof header);
  const std::uint64_t table = header.e_phoff, count = header.e_phnum;
  if (count == PN_XNUM || header.e_phentsize != sizeof(Elf64_Phdr) || table > start.size() ||
      count * sizeof(Elf64_Phdr) > start.size() - table)
    return std::nullopt;
  std::uint64_t end = table + count * sizeof(Elf64_Phdr);
  const auto reaches = [&](std::uint64_t offset, std::uint64_t size) {
    const std::uint64_t to = offset + size;
    end = std::max(end, to < offset ? ~std::uint64_t{0} : to);
  };
  for (std::uint64_t i = 0; i < count; ++i) {
    Elf64_Phdr program;
    std::memcpy(&program, start.data() + table + i * sizeof program, sizeof program);
    reaches(program.p_offset, program.p_filesz);
  }
  reaches(header.e_shoff, std::uint64_t{header.e_shnum} * sizeof(Elf64_Shdr));
  return end;
}

class Inflated {
 public:
  explicit Inflated(const std::string& name)
      : name_(name), fd_(memfd_create("heapglass-core", MFD_CLOEXEC)), most_(most_bytes()) {
    if (!fd_) damaged(std::strerror(errno));
  }
  [[noreturn]] void damaged(const std::string& why) const {
    throw Error(ErrorKind::kFile, "cannot inflate '" + name_ + "': " + why,
                "inflate it by hand (zstd -d, gunzip) and give the result");
  }
  void write(const std::byte* bytes, std::size_t size) {
    look_at_start({bytes, size});
    written_ += size;
    if (written_ > most_) damaged("it takes more than the " + as_mb(most_) + " of memory available");
    if (stated_ && written_ > *stated_ && written_ - *stated_ > kBehindTheEnd)
      damaged("it goes on behind the " + as_mb(*stated_) + " that its headers tell of");
    while (size > 0) {
      const ssize_t n = ::write(fd_.get(), bytes, size);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) damaged(std::strerror(errno));
      bytes += n;
      size -= static_cast<std::size_t>(n);
    }
  }
  FileDescriptor release() { return std::move(fd_); }

 private:
  // What the headers say is held against what there is before it is inflated.
  void look_at_start(std::span<const std::byte> bytes) {
    constexpr std::size_t kLongestStart = 64 + 65536 * sizeof(Elf64_Phdr);
    if (stated_ || start_.size() >= kLongestStart) return;
    start_.insert(start_.end(), bytes.begin(), bytes.end());
    if (start_.size() < sizeof(Elf64_Ehdr)) return;
    if (std::memcmp(start_.data(), ELFMAG, SELFMAG) != 0)
      throw Error(ErrorKind::kUsage, "'" + name_ + "' is not a core file, when it is inflated",
                  "give a process id or a core file");
    stated_ = stated_size(start_);
    if (stated_ && *stated_ > most_)
      damaged("it tells of " + as_mb(*stated_) + ", more than the " + as_mb(most_) + " of memory available");
    if (stated_) start_ = {};
  }

  const std::string& name_;
  FileDescriptor fd_;
  std::uint64_t written_ = 0;
  const std::uint64_t most_;
  std::vector<std::byte> start_;  // until they tell how long all is
  std::optional<std::uint64_t> stated_;
};

class Input {
 public:
  Input(int fd, const Inflated& out) : fd_(fd), out_(out), buffer_(1 << 20) {}
  // How many bytes there are from the start of buffer(); 0 at the end.
  std::size_t next() {
    ssize_t n;
    do n = pread(fd_, buffer_.data(), buffer_.size(), static_cast<off_t>(at_));
    while (n < 0 && errno == EINTR);
    if (n < 0) out_.damaged(std::strerror(errno));
    at_ += static_cast<std::uint64_t>(n);
    return static_cast<std::size_t>(n);
  }
  std::byte* buffer() { return buffer_.data(); }

 private:
  int fd_;
  const Inflated& out_;
  std::vector<std::byte> buffer_;
  std::uint64_t at_ = 0;
};

void inflate_gzip(Input& input, Inflated& out) {
  z_stream stream{};
  constexpr int kGzipOnly = 15 + 16;
  if (inflateInit2(&stream, kGzipOnly) != Z_OK) out.damaged("zlib cannot be set up");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  std::vector<std::byte> room(1 << 20);
  bool whole = false;
  while (const std::size_t n = input.next()) {
    stream.next_in = reinterpret_cast<Bytef*>(input.buffer());
    stream.avail_in = static_cast<uInt>(n);
    while (stream.avail_in > 0) {
      if (whole) inflateReset(&stream);  // another member: gzip files may be joined
      stream.next_out = reinterpret_cast<Bytef*>(room.data());
      stream.avail_out = static_cast<uInt>(room.size());
      const int result = inflate(&stream, Z_NO_FLUSH);
      out.write(room.data(), room.size() - stream.avail_out);
      whole = result == Z_STREAM_END;
      if (result != Z_OK && !whole) out.damaged(stream.msg ? stream.msg : "damaged");
    }
  }
  if (!whole) out.damaged("it ends in the middle");
}

void inflate_zstandard(Input& input, Inflated& out) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (!context) out.damaged("libzstd cannot be set up");
  std::vector<std::byte> room(1 << 20);
  std::size_t left = 0;
  while (const std::size_t n = input.next()) {
    ZSTD_inBuffer in{input.buffer(), n, 0};
    bool full = false;
    while (in.pos < in.size || full) {
      ZSTD_outBuffer to{room.data(), room.size(), 0};
      left = ZSTD_decompressStream(context.get(), &to, &in);
      if (ZSTD_isError(left)) out.damaged(ZSTD_getErrorName(left));
      out.write(room.data(), to.pos);
      full = to.pos == to.size && left != 0;
    }
  }
  if (left != 0) out.damaged("it ends in the middle");
}

}  // namespace

Compression compression_of(const unsigned char* start, std::size_t size) {
  if (size >= 2 && start[0] == 0x1f && start[1] == 0x8b) return Compression::kGzip;
  if (size >= 4 && start[0] == 0x28 && start[1] == 0xb5 && start[2] == 0x2f && start[3] == 0xfd)
    return Compression::kZstandard;
  return Compression::kNone;
}

FileDescriptor inflate_to_memory(int fd, const std::string& name, Compression compression) {
  Inflated out(name);
  Input input(fd, out);
  compression == Compression::kGzip ? inflate_gzip(input, out) : inflate_zstandard(input, out);
  return out.release();
}

FileDescriptor copy_to_memory(int fd, const std::string& name) {
  const auto fail = [&](const std::string& why) {
    throw Error(ErrorKind::kFile,
                "cannot copy '" + name + "', which another process has open for writing: " + why,
                "wait until it is written");
  };
  struct stat status {};
  if (fstat(fd, &status) != 0) fail(std::strerror(errno));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > most_bytes()) fail("it takes more than the memory available");
  FileDescriptor copy(memfd_create("heapglass-core", MFD_CLOEXEC));
  if (!copy || ftruncate(copy.get(), status.st_size) != 0) fail(std::strerror(errno));
  std::vector<std::byte> some(1 << 20);
  for (std::uint64_t at = 0; at < size; at += some.size()) {
    const auto part = std::span(some).first(std::min<std::uint64_t>(some.size(), size - at));
    if (!read_fully(fd, at, part)) fail("it shrank while it was read");
    // Pages of zeros cost nothing where they are not written.
    if (std::ranges::all_of(part, [](std::byte b) { return b == std::byte{0}; })) continue;
    if (pwrite(copy.get(), part.data(), part.size(), static_cast<off_t>(at)) !=
        static_cast<ssize_t>(part.size()))
      fail(std::strerror(errno));
  }
  struct stat after {};
  if (fstat(fd, &after) != 0 || after.st_size != status.st_size ||
      after.st_mtim.tv_sec != status.st_mtim.tv_sec || after.st_mtim.tv_nsec != status.st_mtim.tv_nsec)
    fail("it was written to meanwhile");
  return copy;
}

}  // namespace heapglass
