#include "lib/guard/describe_guard.h"

#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "lib/guard/discovery.h"
#include "lib/guard/watched.h"
#include "lib/open/python_processes.h"
#include "lib/render/numbers.h"
#include "platform/process/wake_ups.h"

namespace heapglass {
namespace {

void add_watched(const Watched& watched, const ReadingTimes& times, Table& table) {
  const std::vector<std::string> ways = watched.ways(times);
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const Trigger& trigger = watched.rule().triggers[i];
    const MemoryReading last =
        trigger.kind == TriggerKind::kAddresses ? watched.last_addresses() : watched.last();
    table.rows.push_back({watched.rule().name, watched.name(), trigger.text, last.used,
                          last.limit ? Cell(*last.limit) : Cell(), ways[i]});
  }
  if (const auto every = static_cast<double>(watched.rule().record.count()); every > 0)
    table.rows.push_back({watched.rule().name, watched.name(), "record", watched.last().used,
                          watched.last().limit ? Cell(*watched.last().limit) : Cell(),
                          "the time, each " + human_milliseconds(every)});
}

}  // namespace

Document describe_guard(const GuardRules& rules) {
  Document out;
  out.fields = {{{"folder", "files in"}, rules.folder},
                {{"disk", "at most", Kind::kBytes}, rules.disk},
                {{"at_once", "captures at once", Kind::kCount}, rules.at_once}};
  Table table{.key = "watched",
              .title = "What is watched now",
              .columns = {{"rule", "rule"},
                          {"name", "group or process"},
                          {"trigger", "when"},
                          {"used", "used", Kind::kBytes},
                          {"limit", "limit", Kind::kBytes},
                          {"waits_by", "waits by"}}};
  const Monotonic now = time_since_boot();
  WakeUps wake_ups;
  FileChanges changes;
  std::vector<std::unique_ptr<Watched>> all;
  ProcessFilter filter;
  for (const GuardRule& rule : rules.rules) {
    const std::size_t before = all.size();
    for (const std::string& pattern : rule.groups)
      for (const std::string& directory : groups_of_pattern(pattern))
        if (auto group = Watched::group(rule, directory, now)) all.push_back(std::move(group));
    if (!rule.watches_groups())
      for (const pid_t pid : all_pids())
        if (pid != getpid() && filter.fits(rule, pid))
          if (auto process = Watched::process(rule, pid, now)) all.push_back(std::move(process));
    if (all.size() == before)
      table.notes.push_back("[" + rule.name + "] watches nothing now: what comes later is found");
  }
  const ReadingTimes times = reading_times(all.size());
  for (const auto& each : all) {
    each->arm(wake_ups, changes, 0);
    if (each->read(now, times)) add_watched(*each, times, table);
    if (each->is_group() && each->memory().directory() != each->name())
      table.notes.push_back(each->name() + " has no limit of its own: figures are those of " +
                            each->memory().directory());
  }
  out.sections.push_back(std::move(table));
  return out;
}

}  // namespace heapglass
