#include "platform/injection/syscall_gadgets.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "platform/process/page_map.h"

namespace heapglass {

#if defined(__x86_64__)
namespace {

constexpr std::string_view kSystemCall("\x0f\x05\xc3", 3);
constexpr std::string_view kSigreturn("\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", 9);
constexpr std::uint64_t kMostText = 64u << 20;  // of a file that is searched

bool is_code(const Mapping& m) { return m.executable && m.readable && !m.shared && m.has_file(); }
bool is_c_library(const Mapping& m) {
  const std::string_view name = std::string_view(m.path).substr(m.path.rfind('/') + 1);
  return name.starts_with("libc.") || name.starts_with("libc-") || name.starts_with("ld-musl");
}

bool stands_there(const Process& process, std::uint64_t at, std::string_view expected) {
  std::string bytes(expected.size(), '\0');
  return process.read(Address{at}, std::as_writable_bytes(std::span(bytes))) && bytes == expected;
}

// Whether the process would run there what its file says: the pages are the file's own, or say the same.
bool unchanged(const Process& process, const PageMap& pages, std::uint64_t at, std::string_view expected) {
  bool own = !pages;
  const std::uint64_t first = at / kPage * kPage, last = (at + expected.size() - 1) / kPage * kPage;
  pages.each({first, last + kPage},
             [&](std::uint64_t, std::uint64_t entry) { own |= PageMap::is_private_copy(entry); });
  return !own || stands_there(process, at, expected);
}

std::uint64_t find_in(const Process& process, const PageMap& pages, const Mapping& m, std::string_view text,
                      std::string_view wanted) {
  for (std::size_t at = text.find(wanted); at != std::string_view::npos; at = text.find(wanted, at + 1))
    if (unchanged(process, pages, value(m.start) + at, wanted)) return value(m.start) + at;
  return 0;
}

}  // namespace

std::optional<SyscallGadgets> find_call_sites(const Process& process, const Mappings& mappings) {
  std::vector<const Mapping*> code;
  for (const Mapping& m : mappings)
    if (is_code(m)) code.push_back(&m);
  std::stable_sort(code.begin(), code.end(),
                   [](const Mapping* a, const Mapping* b) { return is_c_library(*a) > is_c_library(*b); });
  const PageMap pages(process.pid());
  SyscallGadgets sites;
  for (const Mapping* m : code) {
    const FileDescriptor file = process.open_mapped_file(*m);
    if (!file) continue;
    std::string text(std::min(m->size(), kMostText), '\0');
    const ssize_t got = pread(file.get(), text.data(), text.size(), static_cast<off_t>(m->file_offset));
    if (got <= 0) continue;
    text.resize(static_cast<std::size_t>(got));
    if (!sites.system_call) sites.system_call = find_in(process, pages, *m, text, kSystemCall);
    if (!sites.sigreturn) sites.sigreturn = find_in(process, pages, *m, text, kSigreturn);
    if (sites.system_call && sites.sigreturn) return sites;
  }
  return std::nullopt;
}

bool still_there(const Process& process, const SyscallGadgets& sites) {
  return stands_there(process, sites.system_call, kSystemCall) &&
         stands_there(process, sites.sigreturn, kSigreturn);
}
#else
std::optional<SyscallGadgets> find_call_sites(const Process&, const Mappings&) { return std::nullopt; }
bool still_there(const Process&, const SyscallGadgets&) { return false; }
#endif

}  // namespace heapglass
