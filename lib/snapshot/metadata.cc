#include "lib/snapshot/metadata.h"

#include <charconv>
#include <cstdio>

namespace heapglass {

Metadata::Metadata(std::shared_ptr<const SnapshotFile> file) : file_(std::move(file)) {
  const auto names = file_->strings("meta.name"), texts = file_->strings("meta.text");
  if (names.size() != texts.size()) file_->fail("meta", "there are not as many texts as names");
  for (std::size_t i = 0; i < names.size(); ++i) facts_[names[i]] = texts[i];
}

void Metadata::set_real(const std::string& name, double number) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", number);
  set(name, text);
}

void Metadata::save(SnapshotWriter& writer) const {
  std::vector<std::string> names, texts;
  for (const auto& [name, text] : facts_) {
    names.push_back(name);
    texts.push_back(text);
  }
  writer.strings("meta.name", names);
  writer.strings("meta.text", texts);
}

const std::string& Metadata::text(const std::string& name) const {
  const auto at = facts_.find(name);
  if (at == facts_.end()) file_->fail("meta", "there is no " + name);
  return at->second;
}

std::uint64_t Metadata::number(const std::string& name) const {
  const std::string& t = text(name);
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), out);
  if (error != std::errc() || end != t.data() + t.size()) file_->fail("meta", name + " is no number");
  return out;
}

double Metadata::real(const std::string& name) const {
  const std::string& t = text(name);
  double out = 0;
  const auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), out);
  if (error != std::errc() || end != t.data() + t.size()) file_->fail("meta", name + " is no number");
  return out;
}

}  // namespace heapglass
