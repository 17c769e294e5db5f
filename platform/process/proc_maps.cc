#include "platform/process/proc_maps.h"

#include <sys/sysmacros.h>

#include <charconv>

namespace heapglass {
namespace {

// Takes a number and the separator behind it off the front.
bool take(std::string_view& line, int base, char separator, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), out, base);
  if (error != std::errc() || end == line.data() + line.size() || *end != separator) return false;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()) + 1);
  return true;
}

bool parse_line(std::string_view line, Mapping& m) {
  std::uint64_t start, end, major_number, minor_number;
  if (!take(line, 16, '-', start) || !take(line, 16, ' ', end) || end <= start) return false;
  if (line.size() < 5 || line[4] != ' ') return false;
  m.start = Address{start};
  m.end = Address{end};
  m.readable = line[0] == 'r';
  m.writable = line[1] == 'w';
  m.executable = line[2] == 'x';
  m.shared = line[3] == 's';
  line.remove_prefix(5);
  if (!take(line, 16, ' ', m.file_offset) || !take(line, 16, ':', major_number) ||
      !take(line, 16, ' ', minor_number)) {
    return false;
  }
  m.device = makedev(static_cast<unsigned>(major_number), static_cast<unsigned>(minor_number));
  const std::size_t inode_end = line.find(' ');
  std::from_chars(line.data(), line.data() + std::min(inode_end, line.size()), m.inode);
  if (inode_end == std::string_view::npos) return true;
  line.remove_prefix(inode_end);
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  constexpr std::string_view kDeleted = " (deleted)";
  if (line.ends_with(kDeleted)) {
    m.deleted = true;
    line.remove_suffix(kDeleted.size());
  }
  // The kernel writes a newline in a name as \012; nothing else is escaped.
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line.substr(i).starts_with("\\012")) {
      m.path += '\n';
      i += 3;
    } else {
      m.path += line[i];
    }
  }
  return true;
}

}  // namespace

Mappings parse_proc_maps(std::string_view text) {
  Mappings mappings;
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    Mapping m;
    if (parse_line(text.substr(0, newline), m)) mappings.push_back(std::move(m));
    if (newline == std::string_view::npos) break;
    text.remove_prefix(newline + 1);
  }
  return mappings;
}

}  // namespace heapglass
