#include "platform/inflate.h"

#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "lib/base/error.h"

namespace heapglass {
namespace {

// A few bytes can inflate to more than there is room for: nine tenths of what is free is the end.
std::uint64_t most_bytes() {
  const std::string text = read_proc_file("/proc/meminfo");
  const std::size_t at = text.find("MemAvailable:");
  if (at == std::string::npos) return std::uint64_t{4} << 30;
  return std::strtoull(text.c_str() + at + 13, nullptr, 10) * 1024 / 10 * 9;
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
    written_ += size;
    if (written_ > most_) damaged("it takes more than the memory available");
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
  const std::string& name_;
  FileDescriptor fd_;
  std::uint64_t written_ = 0;
  const std::uint64_t most_;
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

}  // namespace heapglass
