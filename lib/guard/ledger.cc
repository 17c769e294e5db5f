#include "lib/guard/ledger.h"

#include <algorithm>
#include <charconv>

#include "lib/base/error.h"
#include "lib/render/numbers.h"

namespace heapglass {
namespace {

constexpr std::string_view kFirstLine = "heapglass-guard 1";
constexpr std::int64_t kLatest = 1'000'000'000'000'000;  // milliseconds since boot
constexpr std::size_t kLongestText = 16 << 20, kMostTimes = 100'000;

// Names of groups are anything but / and zero: what could be taken for an end of a word or line is %XX.
std::string escaped(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > ' ' && byte < 0x7f && c != '%')
      out += c;
    else
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool unescape(std::string_view text, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return false;
    const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return false;
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return !out.empty() && out.find('\0') == std::string::npos;
}

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

std::string duration_text(Monotonic time) { return human_milliseconds(static_cast<double>(time.count())); }

// A name in the folder: nothing that leads out of it.
bool is_plain_name(const std::string& name) { return name.find('/') == std::string::npos && name[0] != '.'; }

}  // namespace

// Of a state file, line by line.
class Ledger::Parser {
 public:
  Parser(Ledger& out, const std::string& name) : out_(out), name_(name) {}

  void parse(std::string_view text) {
    if (text.size() > kLongestText) fail("and those behind it are longer than 16 MB");
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      ++number_;
      if (end == text.npos) fail("has no end: the file was cut");
      take_line(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
    if (number_ < 2) fail("is missing: the file was cut");
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kFile,
                "the state '" + name_ + "' cannot be used: line " + std::to_string(number_) + " " + what,
                "guard did not write it so: remove it, and cooldowns begin anew");
  }

  void take_line(std::string_view line) {
    const auto words = split(line);
    if (number_ == 1) {
      if (line != kFirstLine) fail("is not '" + std::string(kFirstLine) + "'");
    } else if (number_ == 2) {
      if (words.size() != 2 || words[0] != "boot") fail("is not 'boot ID'");
      same_boot_ = words[1] == out_.boot_id_;
    } else if (words.size() >= 3 && words[0] == "acted") {
      take_times(words);
    } else if (words.size() == 4 && (words[0] == "snapshot" || words[0] == "file" || words[0] == "record")) {
      const std::string name = unescaped(words[3]);
      if (!is_plain_name(name)) fail("has a name that is none");
      out_.files_.push_back(
          {unescaped(words[1]), unescaped(words[2]), name, words[0] == "snapshot", words[0] == "record"});
    } else {
      fail("does not begin with boot, acted, snapshot, record or file");
    }
  }

  std::string unescaped(std::string_view word) const {
    std::string out;
    if (!unescape(word, out)) fail("has a name that is none");
    return out;
  }

  void take_times(const std::vector<std::string_view>& words) {
    std::vector<Monotonic> times;
    if (words.size() > kMostTimes) fail("has more than 100,000 times");
    for (std::size_t i = 3; i < words.size(); ++i) {
      std::int64_t at = 0;
      const char* const behind = words[i].data() + words[i].size();
      const auto [stop, error] = std::from_chars(words[i].data(), behind, at);
      if (error != std::errc() || stop != behind || at < 0 || at > kLatest) fail("has a time that is none");
      times.emplace_back(at);
    }
    std::sort(times.begin(), times.end());
    const std::pair key(unescaped(words[1]), unescaped(words[2]));
    if (same_boot_) out_.acted_[key] = std::move(times);
  }

  Ledger& out_;
  const std::string& name_;
  std::size_t number_ = 0;
  bool same_boot_ = false;
};

Ledger Ledger::parse(std::string_view text, const std::string& boot_id, const std::string& name) {
  Ledger out(boot_id);
  Parser(out, name).parse(text);
  return out;
}

std::string Ledger::text() const {
  std::string out = std::string(kFirstLine) + "\nboot " + boot_id_ + "\n";
  for (const auto& [key, times] : acted_) {
    out += "acted " + escaped(key.first) + " " + escaped(key.second);
    for (const Monotonic each : times) out += " " + std::to_string(each.count());
    out += "\n";
  }
  for (const File& each : files_)
    out += std::string(each.is_snapshot ? "snapshot "
                       : each.is_record ? "record "
                                        : "file ") +
           escaped(each.rule) + " " + escaped(each.subject) + " " + escaped(each.name) + "\n";
  return out;
}

std::string Ledger::refusal(const GuardRule& rule, const std::string& subject, Monotonic now) const {
  const auto found = acted_.find({rule.name, subject});
  if (found == acted_.end() || found->second.empty()) return {};
  const std::vector<Monotonic>& times = found->second;
  // A time that lies ahead is none of this clock: the state was not written by guard.
  const auto latest = std::find_if(times.rbegin(), times.rend(), [&](Monotonic at) { return at <= now; });
  if (latest != times.rend() && *latest + rule.cooldown > now)
    return "its cooldown lasts " + duration_text(*latest + rule.cooldown - now) + " more";
  if (rule.number == 0) return {};
  const auto counts = [&](Monotonic at) {
    return at <= now && (rule.number_window.count() == 0 || at + rule.number_window > now);
  };
  const auto done = static_cast<std::uint64_t>(std::count_if(times.begin(), times.end(), counts));
  if (done < rule.number) return {};
  return "it acted " + std::to_string(done) + (done == 1 ? " time" : " times") +
         (rule.number_window.count() ? " in " + duration_text(rule.number_window) : "") +
         ", as many as 'number' allows";
}

void Ledger::acted(const GuardRule& rule, const std::string& subject, Monotonic now) {
  acted_[{rule.name, subject}].push_back(now);
}

void Ledger::take_back(const std::string& rule, const std::string& subject) {
  const auto found = acted_.find({rule, subject});
  if (found == acted_.end() || found->second.empty()) return;
  found->second.pop_back();
  if (found->second.empty()) acted_.erase(found);
}

void Ledger::removed(const std::string& name) {
  std::erase_if(files_, [&](const File& each) { return each.name == name; });
}

std::string Ledger::newest(const std::string& rule, const std::string& subject) const {
  const auto found = std::find_if(files_.rbegin(), files_.rend(), [&](const File& each) {
    return (each.is_snapshot || each.is_record) && each.rule == rule && each.subject == subject;
  });
  return found == files_.rend() ? "" : found->name;
}

void Ledger::keep(const std::string& name) {
  for (File& each : files_)
    if (each.name == name) each.is_record = false;
}

std::string Ledger::newest_snapshot(const std::string& rule, const std::string& subject) const {
  const auto found = std::find_if(files_.rbegin(), files_.rend(), [&](const File& each) {
    return each.is_snapshot && each.rule == rule && each.subject == subject;
  });
  return found == files_.rend() ? "" : found->name;
}

void Ledger::prune(const GuardRules& rules, Monotonic now) {
  for (auto at = acted_.begin(); at != acted_.end();) {
    const auto rule = std::find_if(rules.rules.begin(), rules.rules.end(),
                                   [&](const GuardRule& each) { return each.name == at->first.first; });
    // A rule that is not there today may be there tomorrow; without a window its times count for ever.
    const bool for_ever =
        rule == rules.rules.end() || (rule->number != 0 && rule->number_window.count() == 0);
    if (!for_ever)
      std::erase_if(at->second, [&](Monotonic time) {
        return time + std::max(rule->cooldown, rule->number_window) < now;
      });
    at = at->second.empty() ? acted_.erase(at) : std::next(at);
  }
}

}  // namespace heapglass
