#include "lib/guard/rules.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "lib/base/choices.h"
#include "lib/base/edit_distance.h"
#include "lib/base/error.h"
#include "lib/guard/rule_values.h"
#include "lib/render/utf8.h"
#include "platform/serving/http_post.h"

namespace heapglass {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kLongestFile = 1 << 20, kMostRules = 1000, kLongestFound = 60;

std::string quoted(std::string_view found) {
  return "'" + cut_end(printable(found), kLongestFound, "...") + "'";
}

constexpr std::string_view kSizeHelp = "write a number with B, kB, MB, GB, KiB, MiB or GiB, such as 500MB";
constexpr std::string_view kTimeHelp = "write a number with ms, s, min, h or d, such as 10min";
constexpr std::string_view kWhenHelp =
    "write 'memory > 90%', 'memory > 2GB', 'event high' (or max, oom), 'pressure some > 150ms in 2s' (or "
    "full), "
    "'rss > 2GB', 'growth > 200MB in 10min', 'addresses > 90%', 'memory-error' or 'exit failed'";

class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  GuardRules parse() {
    if (text_.size() > kLongestFile)
      throw Error(ErrorKind::kUsage, name_ + ": is longer than 1 MB", "name a file of rules");
    while (!text_.empty()) {
      const std::size_t end = std::min(text_.find('\n'), text_.size());
      ++line_;
      take_line(trimmed(text_.substr(0, end)));
      text_.remove_prefix(std::min(end + 1, text_.size()));
    }
    finish_rule();
    if (out_.folder.empty())
      fail_at(line_, "there is no line 'folder = DIRECTORY'",
              "name the folder of snapshots and state above the first [rule]");
    if (out_.rules.empty()) fail_at(line_, "there is no rule", "begin one with a line '[name]'");
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail_at(std::size_t line, const std::string& what, const std::string& hint) const {
    throw Error(ErrorKind::kUsage, name_ + ":" + std::to_string(line) + ": " + what, hint);
  }
  [[noreturn]] void fail(const std::string& what, std::string_view hint) const {
    fail_at(line_, what, std::string(hint));
  }

  void take_line(std::string_view line) {
    if (line.empty() || line.front() == '#') return;
    if (line.find('\0') != line.npos) fail("the line has a zero byte", "name a file of rules");
    if (line.front() == '[') return begin_rule(line);
    const std::size_t equals = line.find('=');
    if (equals == line.npos)
      fail(quoted(line) + " is no line of rules", "write 'key = value', '[name]' or '# comment'");
    key_ = std::string(trimmed(line.substr(0, equals)));
    value_ = trimmed(line.substr(equals + 1));
    if (rule_.name.empty())
      take_global();
    else
      take_key();
  }

  void begin_rule(std::string_view line) {
    finish_rule();
    if (line.back() != ']') fail(quoted(line) + " has no ] at its end", "write '[name]'");
    const std::string name(trimmed(line.substr(1, line.size() - 2)));
    const auto fits = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
             c == '-';
    };
    if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), fits))
      fail("the name of a rule is " + quoted(name), "use 1 to 64 letters, digits, - and _");
    if (!names_.insert(name).second)
      fail("there is a second rule [" + name + "]", "give each rule a name of its own");
    if (out_.rules.size() >= kMostRules) fail("there are more than 1000 rules", "use * in a group's path");
    rule_ = {};
    rule_.name = name;
    rule_line_ = line_;
    given_.clear();
  }

  void finish_rule() {
    if (rule_.name.empty()) return;
    const std::string of = "the rule [" + rule_.name + "] ";
    if (rule_.groups.empty() && !rule_.pid && rule_.command.empty() && rule_.user.empty())
      fail_at(rule_line_, of + "watches nothing",
              "add 'group = DIRECTORY', or 'command = TEXT', 'user = NAME' or 'pid = N'");
    const bool acts = rule_.snapshot || rule_.report || rule_.diff || rule_.push || !rule_.run.empty();
    const bool only_records = rule_.record.count() > 0 && rule_.triggers.empty() && !acts;
    if (rule_.record_disk > 0 && rule_.record.count() == 0)
      fail_at(rule_line_, of + "has 'record-disk' and records nothing", "add 'record = 1min'");
    if (rule_.triggers.empty() && !only_records)
      fail_at(rule_line_, of + "has no 'when = ...'", std::string(kWhenHelp));
    for (const Trigger& each : rule_.triggers) {
      const bool of_process = each.kind == TriggerKind::kRss || each.kind == TriggerKind::kAddresses ||
                              each.kind == TriggerKind::kMemoryError || each.kind == TriggerKind::kEnd;
      const bool of_either = each.kind == TriggerKind::kGrowth;
      if (of_process && rule_.watches_groups())
        fail_at(rule_line_, of + "watches groups, which have no " + quoted(words_of(each.text).front()),
                each.kind == TriggerKind::kRss
                    ? "write 'when = memory > " +
                          std::string(trimmed(std::string_view(each.text).substr(each.text.find('>') + 1))) +
                          "', or leave 'group' out"
                    : "leave 'group' out, and choose processes by command, user or pid");
      if (!of_process && !of_either && !rule_.watches_groups())
        fail_at(rule_line_, of + "has " + quoted(each.text) + " and no group to read it of",
                "add 'group = DIRECTORY', or use rss or growth");
    }
    check_end(of);
    if (!acts && !only_records)
      fail_at(rule_line_, of + "does nothing",
              "add 'do = snapshot' (or report, diff, push), or 'run = PROGRAM'");
    if (rule_.diff && !rule_.snapshot)
      fail_at(rule_line_, of + "has a diff and keeps no snapshot to compare with",
              "write 'do = snapshot, diff'");
    if (rule_.push && out_.push.empty())
      fail_at(rule_line_, of + "has a push and no server is named",
              "write 'push = http://HOST:PORT' above the first [rule]");
    out_.rules.push_back(std::move(rule_));
    rule_ = {};
  }

  // At the end of a process nothing is left to be captured.
  void check_end(const std::string& of) const {
    const auto is_end = [](const Trigger& each) { return each.kind == TriggerKind::kEnd; };
    const bool is_any = std::any_of(rule_.triggers.begin(), rule_.triggers.end(), is_end);
    const bool is_all = std::all_of(rule_.triggers.begin(), rule_.triggers.end(), is_end);
    const bool uses_one = rule_.snapshot || rule_.report || rule_.diff || rule_.push;
    if (!is_any || !uses_one || rule_.record.count() > 0 || rule_.baseline.count() > 0 ||
        (!is_all && rule_.snapshot))
      return;
    fail_at(rule_line_, of + "acts on the end of a process, when it has no memory any more",
            "add 'record = 1min' or 'baseline = 10min': the last snapshot is taken then");
  }

  void once() {
    if (!given_.insert(key_).second)
      fail("'" + key_ + "' is given a second time", "leave one of the two lines out");
  }

  struct Key {
    std::string_view name;
    void (Parser::*take)();
  };

  void take_one_of(std::span<const Key> keys, const std::string& where) {
    for (const Key& each : keys)
      if (each.name == key_) {
        if (value_.empty()) fail("'" + key_ + "' has no value", "write 'key = value', or leave the line out");
        if (each.name != "when" && each.name != "group") once();
        return (this->*each.take)();
      }
    std::vector<std::string> names;
    std::string all;
    for (const Key& each : keys) {
      names.emplace_back(each.name);
      all += (all.empty() ? "" : ", ") + std::string(each.name);
    }
    const std::string meant = did_you_mean(near_names(key_.substr(0, kLongestFound), names, 2));
    fail("there is no key " + quoted(key_) + " " + where,
         (meant.empty() ? "" : meant + " ") + ("it has " + all));
  }

  void take_global() {
    static constexpr Key kKeys[] = {{"folder", &Parser::take_folder},
                                    {"disk", &Parser::take_disk},
                                    {"memory", &Parser::take_memory},
                                    {"at-once", &Parser::take_at_once},
                                    {"gauge", &Parser::take_gauge},
                                    {"push", &Parser::take_push},
                                    {"push-headers", &Parser::take_push_headers}};
    take_one_of(kKeys, "above the first [rule]");
  }

  void take_key() {
    static constexpr Key kKeys[] = {{"group", &Parser::take_group},
                                    {"pid", &Parser::take_pid},
                                    {"command", &Parser::take_command},
                                    {"user", &Parser::take_user},
                                    {"when", &Parser::take_when},
                                    {"do", &Parser::take_do},
                                    {"run", &Parser::take_run},
                                    {"values", &Parser::take_values},
                                    {"freeze", &Parser::take_freeze},
                                    {"pause", &Parser::take_pause},
                                    {"baseline", &Parser::take_baseline},
                                    {"record", &Parser::take_record},
                                    {"record-disk", &Parser::take_record_disk},
                                    {"name", &Parser::take_name},
                                    {"cooldown", &Parser::take_cooldown},
                                    {"number", &Parser::take_number},
                                    {"largest", &Parser::take_largest},
                                    {"time", &Parser::take_time}};
    take_one_of(kKeys, "in a rule");
  }

  std::uint64_t size(std::uint64_t least) const {
    const auto found = parse_size(value_);
    if (!found) fail("'" + key_ + "' is " + quoted(value_) + ", which is no size", kSizeHelp);
    if (*found < least)
      fail("'" + key_ + "' is " + quoted(value_) + ", which is too little",
           "give at least " + std::to_string(least) + "B");
    return *found;
  }
  milliseconds time_of(std::string_view text) const {
    const auto found = parse_duration(text);
    if (!found) fail("'" + key_ + "' is " + quoted(text) + ", which is no time", kTimeHelp);
    return *found;
  }
  std::uint64_t count_of(std::string_view text, std::uint64_t least, std::uint64_t most) const {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < least || number > most)
      fail("'" + key_ + "' is " + quoted(text),
           "give a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return number;
  }
  std::string path() const {
    if (!value_.starts_with('/'))
      fail("'" + key_ + "' is " + quoted(value_) + ", which is no absolute path", "begin it with /");
    std::string out(value_);
    while (out.size() > 1 && out.back() == '/') out.pop_back();
    return out;
  }

  void take_folder() { out_.folder = path(); }
  void take_disk() { out_.disk = size(1'000'000); }
  void take_memory() { out_.memory = size(1'000'000); }
  void take_at_once() { out_.at_once = count_of(value_, 1, 16); }
  void take_gauge() {
    out_.gauge = path();
    if (!out_.gauge.ends_with(".prom"))
      fail("'gauge' is " + quoted(value_),
           "give a name that ends in .prom, which the textfile collector reads");
  }
  void take_push() {
    out_.push = std::string(value_);
    try {
      (void)parse_http_url(out_.push, "'push'");
    } catch (const Error& error) {
      fail(printable(error.what()), printable(error.hint()));
    }
  }
  void take_push_headers() { out_.push_headers = path(); }
  void take_group() {
    rule_.groups.push_back(path());
    if (rule_.groups.size() > 100) fail("there are more than 100 groups", "use * in a group's path");
  }
  void take_pid() { rule_.pid = static_cast<pid_t>(count_of(value_, 1, std::numeric_limits<pid_t>::max())); }
  void take_command() { rule_.command = std::string(value_); }
  void take_user() { rule_.user = std::string(value_); }
  void take_do() {
    std::string_view rest = value_;
    while (true) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view word = trimmed(rest.substr(0, comma));
      if (word == "snapshot")
        rule_.snapshot = true;
      else if (word == "report")
        rule_.report = true;
      else if (word == "diff")
        rule_.diff = true;
      else if (word == "push")
        rule_.push = true;
      else
        fail("'do' has " + quoted(word), "it is snapshot, report, diff or push, with commas between them");
      if (comma == rest.size()) break;
      rest.remove_prefix(comma + 1);
    }
  }
  void take_run() {
    for (const std::string_view word : words_of(value_)) rule_.run.emplace_back(word);
    if (!rule_.run.front().starts_with('/'))
      fail("'run' begins with " + quoted(rule_.run.front()),
           "give the absolute path of a program; no shell is between, and a word has no spaces");
  }
  void take_values() {
    rule_.values = std::string(value_);
    if (value_ == "all" || value_ == "none") return;
    if (!value_.empty() && std::isdigit(static_cast<unsigned char>(value_.front()))) {
      rule_.values = std::to_string(count_of(value_, 0, 1 << 20));
      return;
    }
    fail("'values' is " + quoted(value_), "it is all, none, or how many bytes of each value are kept");
  }
  void take_freeze() {
    constexpr std::string_view kModes[] = {"auto", "copy", "precopy", "fork", "none"};
    rule_.freeze = std::string(value_);
    if (std::find(std::begin(kModes), std::end(kModes), value_) == std::end(kModes))
      fail("'freeze' is " + quoted(value_), "it is " + list_choices(kModes));
  }
  void take_pause() {
    rule_.pause = time_of(value_);
    if (rule_.pause < milliseconds(1) || rule_.pause > std::chrono::hours(1))
      fail("'pause' is " + quoted(value_), "give 1ms to 1h");
  }
  void take_baseline() { rule_.baseline = std::max(time_of(value_), milliseconds(1)); }
  void take_record() {
    rule_.record = time_of(value_);
    if (rule_.record < std::chrono::seconds(1) || rule_.record > std::chrono::hours(24))
      fail("'record' is " + quoted(value_), "give 1s to 24h");
  }
  void take_record_disk() { rule_.record_disk = size(1'000'000); }
  void take_name() {
    rule_.file_name = std::string(value_);
    if (value_.find('/') != value_.npos || value_.front() == '.')
      fail("'name' is " + quoted(value_), "give a file's name without / that does not begin with a point");
    bool pid = false, second = false;
    for (std::size_t at = 0; at < value_.size(); ++at) {
      if (value_[at] != '%') continue;
      const char code = ++at < value_.size() ? value_[at] : ' ';
      if (std::string_view("rgphYmdHMS%").find(code) == std::string_view::npos)
        fail("'name' has %" + std::string(1, std::isprint(static_cast<unsigned char>(code)) ? code : '?'),
             "it has %r (rule), %g (group), %p (pid), %h (host), %Y %m %d %H %M %S (UTC) and %%");
      pid |= code == 'p';
      second |= code == 'S';
    }
    if (!pid || !second)
      fail("'name' is " + quoted(value_) + ", by which two files could be one", "add %p and %S");
  }
  void take_cooldown() { rule_.cooldown = time_of(value_); }
  void take_number() {
    const std::size_t in = value_.find(" in ");
    rule_.number = count_of(trimmed(value_.substr(0, in)), 0, 100'000);
    rule_.number_window = in == value_.npos ? milliseconds(0) : time_of(trimmed(value_.substr(in + 4)));
  }
  void take_largest() { rule_.largest = count_of(value_, 1, 1000); }
  void take_time() {
    rule_.time = time_of(value_);
    if (rule_.time < std::chrono::seconds(1)) fail("'time' is " + quoted(value_), "give at least 1s");
  }

  void take_when() {
    if (rule_.triggers.size() >= 32) fail("there are more than 32 lines 'when'", "leave some out");
    std::string why;
    auto trigger = parse_trigger(value_, why);
    if (!trigger) fail("'when' is " + quoted(value_) + (why.empty() ? "" : ": " + printable(why)), kWhenHelp);
    rule_.triggers.push_back(std::move(*trigger));
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t line_ = 0, rule_line_ = 0;
  GuardRules out_;
  GuardRule rule_;  // the one that is read; without a name: none yet
  std::set<std::string> names_, given_;
  std::string key_;
  std::string_view value_;
};

}  // namespace

GuardRules parse_guard_rules(std::string_view text, const std::string& name) {
  return Parser(text, name).parse();
}

}  // namespace heapglass
