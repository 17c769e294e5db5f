// Lines of files of /proc that begin with their name.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

namespace heapglass {

// The rest of the line that begins with `key`, "" where there is none.
inline std::string line_after(const std::string& text, const std::string& key) {
  const std::size_t at = ("\n" + text).find("\n" + key);
  if (at == std::string::npos) return "";
  const std::size_t start = at + key.size();
  return text.substr(start, text.find('\n', start) - start);
}

// The number there, 0 where there is none.
inline std::uint64_t number_after(const std::string& text, const std::string& key) {
  return std::strtoull(line_after(text, key).c_str(), nullptr, 10);
}

}  // namespace heapglass
