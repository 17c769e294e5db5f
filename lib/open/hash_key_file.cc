#include "lib/open/hash_key_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "lib/base/error.h"
#include "lib/render/unfinished.h"
#include "platform/files/regular_file.h"
#include "platform/process/process.h"

namespace heapglass {
namespace {

constexpr std::size_t kDigits = 2 * sizeof(HashKey);

[[noreturn]] void fail(const std::string& path, const std::string& what, const std::string& hint = {}) {
  throw Error(ErrorKind::kFile, "the key file '" + path + "' " + what, hint);
}

std::string hexadecimal(const std::uint8_t* bytes, std::size_t n) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += {kHex[bytes[i] >> 4], kHex[bytes[i] & 15]};
  return out;
}

std::optional<HashKey> parsed(const std::string& text) {
  if (text.size() != kDigits + 1 || text.back() != '\n') return std::nullopt;
  HashKey key{};
  for (std::size_t i = 0; i < kDigits; ++i) {
    const std::size_t digit = std::string_view("0123456789abcdef").find(text[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    key[i / 2] = static_cast<std::uint8_t>(key[i / 2] << 4 | digit);
  }
  return key;
}

std::optional<HashKey> read(const std::string& path) {
  const FileDescriptor file = open_regular_file(path);
  if (!file) {
    if (errno == ENOENT) return std::nullopt;
    if (errno == EINVAL) fail(path, "is no plain file");
    fail(path, std::string("cannot be read: ") + std::strerror(errno));
  }
  struct stat about {};
  if (fstat(file.get(), &about) != 0) fail(path, std::string("cannot be read: ") + std::strerror(errno));
  if (about.st_uid != geteuid())
    fail(path, "belongs to user " + std::to_string(about.st_uid) + ", who could try values with it",
         "use a key file of your own");
  if (about.st_mode & (S_IRWXG | S_IRWXO))
    fail(path, "can be read by others, who could try values with it", "chmod 600 '" + path + "'");
  char text[kDigits + 2];
  const ssize_t n = ::read(file.get(), text, sizeof text);
  const auto key = n < 0 ? std::nullopt : parsed(std::string(text, static_cast<std::size_t>(n)));
  if (!key) fail(path, "holds no key", "name a file that there is not, and it is made with a new one");
  return key;
}

// Whole or not at all, and never in the place of another that came first.
void make(const std::string& path) {
  HashKey key;
  if (getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size()))
    fail(path, std::string("cannot be made: ") + std::strerror(errno));
  const std::string beside = path.substr(0, path.rfind('/') + 1) + unfinished_name();
  const FileDescriptor file(open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) fail(path, std::string("cannot be made: ") + std::strerror(errno));
  lock_unfinished(file.get());  // else another run could take it for abandoned
  const std::string text = hexadecimal(key.data(), key.size()) + '\n';
  const bool done = write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                    fsync(file.get()) == 0 && (link(beside.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const int why = errno;
  unlink(beside.c_str());
  if (!done) fail(path, std::string("cannot be made: ") + std::strerror(why));
}

}  // namespace

HashKey key_of_file(const std::string& path) {
  auto key = read(path);
  if (!key) {
    make(path);
    key = read(path);
  }
  if (!key) fail(path, "was made, and is not there");
  return *key;
}

std::string name_of_key(const HashKey& key) {
  const std::uint64_t hash = keyed_hash(key, "the name of this key");
  return hexadecimal(reinterpret_cast<const std::uint8_t*>(&hash), sizeof hash);
}

}  // namespace heapglass
