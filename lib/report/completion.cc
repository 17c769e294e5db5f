#include "lib/report/completion.h"

#include <algorithm>

#include "lib/base/choices.h"
#include "lib/render/utf8.h"

namespace heapglass {
namespace {

constexpr std::size_t kLongestDescription = 100;

bool takes_files(const OptionDescription& option) {
  return option.takes == "FILE" || option.takes == "KEYFILE" || option.takes == "DIR";
}

// The option that `word` names: "--limit", "-n", "--limit=3".
const OptionDescription* option_of(const CommandDescription& command, std::string_view word) {
  if (word.size() < 2 || word[0] != '-') return nullptr;
  const bool is_long = word[1] == '-';
  const std::string_view name = is_long ? word.substr(2, word.find('=') - 2) : word.substr(1, 1);
  for (const OptionDescription& option : command.options)
    if ((is_long ? option.name : option.letter) == name) return &option;
  return nullptr;
}

// The line before the word that is being typed.
struct Before {
  std::vector<std::string> given;           // names of options
  std::size_t operands = 0;                 // words that are none
  const OptionDescription* open = nullptr;  // the word is its value
};

Before read_before(const CommandDescription& command, const std::vector<std::string>& words) {
  Before before;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (before.open) {
      if (words[i] != "=") before.open = nullptr;
      continue;
    }
    if (words[i].size() < 2 || words[i][0] != '-') {
      ++before.operands;
      continue;
    }
    const OptionDescription* const option = option_of(command, words[i]);
    if (!option) continue;
    before.given.push_back(option->name);
    const bool has_value = words[i][1] == '-' ? words[i].find('=') != std::string::npos : words[i].size() > 2;
    if (!option->takes.empty() && !has_value) before.open = option;
  }
  return before;
}

void add_matching(Completion& completion, const std::vector<Candidate>& candidates, std::string_view typed) {
  for (const Candidate& each : candidates)
    if (each.word.starts_with(typed)) completion.candidates.push_back(each);
}

void add_values(Completion& completion, const OptionDescription& option, const std::string& prefix,
                std::string_view typed) {
  for (const std::string& choice : option.choices)
    if (choice.starts_with(typed)) completion.candidates.push_back({prefix + choice, ""});
  completion.files = prefix.empty() && takes_files(option);
}

void add_options(Completion& completion, const CommandDescription& command, const Before& before,
                 std::string_view typed) {
  for (const OptionDescription& option : command.options) {
    const bool is_given =
        std::find(before.given.begin(), before.given.end(), option.name) != before.given.end();
    if (option.repeated || !is_given) add_matching(completion, {{"--" + option.name, option.help}}, typed);
  }
}

void complete_command(Completion& completion, const CommandDescription& command,
                      const std::vector<std::string>& words, const CompletionTables& tables) {
  const Before before = read_before(command, words);
  const std::string& last = words.back();
  if (before.open) return add_values(completion, *before.open, "", last == "=" ? "" : last);
  if (last.starts_with('-')) {
    const std::size_t equals = last.find('=');
    if (equals == std::string::npos) return add_options(completion, command, before, last);
    if (const OptionDescription* const option = option_of(command, last))
      add_values(completion, *option, last.substr(0, equals + 1), std::string_view(last).substr(equals + 1));
    return;
  }
  const bool is_target = !command.operands.empty() && (before.operands == 0 || command.more_targets);
  if (!is_target) return;
  add_matching(completion, tables.processes(), last);
  completion.files = true;
}

}  // namespace

Completion complete(const std::vector<std::string>& words, const CompletionTables& tables) {
  Completion completion;
  if (words.empty()) return completion;
  if (words.size() == 1) {
    add_matching(completion, tables.commands, words[0]);
    add_matching(completion, {{"help", "of a command or a subject"}, {"--help", ""}, {"--version", ""}},
                 words[0]);
    return completion;
  }
  if (words[0] == "help") {
    if (words.size() == 2) {
      add_matching(completion, tables.commands, words[1]);
      add_matching(completion, tables.topics, words[1]);
    } else if (words.size() == 3 && (words[1] == "man" || words[1] == "json-schema")) {
      add_matching(completion, tables.commands, words[2]);
    } else if (words.size() == 3 && words[1] == "completion") {
      add_matching(completion, {{"bash", ""}, {"zsh", ""}, {"fish", ""}}, words[2]);
    }
    return completion;
  }
  const bool is_known = std::any_of(tables.commands.begin(), tables.commands.end(),
                                    [&](const Candidate& each) { return each.word == words[0]; });
  if (is_known)
    complete_command(completion, tables.describe(words[0]), {words.begin() + 1, words.end()}, tables);
  return completion;
}

std::string completion_lines(const Completion& completion) {
  std::string lines;
  for (const Candidate& each : completion.candidates) {
    lines += printable(each.word);
    if (!each.description.empty())
      lines += "\t" + cut_end(printable(each.description), kLongestDescription, "...");
    lines += "\n";
  }
  return lines + (completion.files ? ":files\n" : "");
}

}  // namespace heapglass
