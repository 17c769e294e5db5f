// Loggers that get a handler again and again, and loggers with ever new names.
#include <algorithm>
#include <map>

#include "lib/leaks/detectors.h"
#include "lib/leaks/members.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kManyHandlers = 5;
constexpr std::uint64_t kManyLoggers = 100;

std::string name_of_logger(const LeakSearch& search, NodeId logger) {
  const Address name = search.values().attribute(search.address(logger), "name");
  return is_null(name) ? std::string() : search.objects().str(name, 100).value_or(std::string());
}

void add_logger(const LeakSearch& search, NodeId logger, Suspects& found) {
  const NodeId list = search.node(search.values().attribute(search.address(logger), "handlers"));
  if (list == kNoNode || search.values().length(search.address(list)).value_or(0) < kManyHandlers) return;
  const std::vector<NodeId> handlers = members_of(search, list);
  std::map<std::string, std::vector<NodeId>> by_class;
  for (const NodeId n : handlers) by_class[search.type_name(n)].push_back(n);
  for (const auto& [name, alike] : by_class) {
    if (alike.size() < kManyHandlers) continue;
    std::vector<NodeId> all = alike;
    all.push_back(list);
    Suspect s{.pattern = "logging-handlers", .node = list, .bytes = search.retained_by_set(all).bytes};
    s.objects = alike.size();
    s.certainty = 0.95;
    // Each line is written so many times: worse than the bytes.
    s.share_of_limit = std::min(1.0, static_cast<double>(alike.size()) / 1000);
    s.evidence = "logger '" + name_of_logger(search, logger) + "' has " + format_count(alike.size()) +
                 " handlers " + name + ": every message is written so many times";
    s.cure =
        "Add handlers once, when the program starts (logging.config, or `if not logger.handlers`), and "
        "removeHandler() those of a request when it ends.";
    s.examples.assign(alike.begin(), alike.begin() + 3);
    found.push_back(std::move(s));
  }
}

}  // namespace

void find_logging(const LeakSearch& search, Suspects& found) {
  std::vector<NodeId> loggers, by_chance;
  for (const NodeId n :
       search.nodes_of([](const TypeInfo& t) { return t.flags & kTpHeapType && t.name.ends_with("Logger"); }))
    if (search.values().is_instance(search.address(n), "logging.Logger")) loggers.push_back(n);
  for (const NodeId n : search.nodes_of("logging.RootLogger")) add_logger(search, n, found);
  for (const NodeId n : loggers) {
    if (search.type_of(n).name != "logging.RootLogger") add_logger(search, n, found);
    // Loggers have the names of modules, or of their packages.
    const std::string name = name_of_logger(search, n);
    if (name != "root" && search.module(name) == kNoNode && search.is_reached(n)) by_chance.push_back(n);
  }
  if (by_chance.size() < kManyLoggers) return;
  Suspect s{.pattern = "logging-handlers",
            .bytes = search.retained_by_set(by_chance).bytes,
            .objects = by_chance.size()};
  const NodeId logging = search.module("logging");
  const Address manager = logging == kNoNode
                              ? Address{}
                              : search.values().attribute(
                                    search.values().attribute(search.address(logging), "Logger"), "manager");
  if (!is_null(manager)) s.node = search.node(search.values().attribute(manager, "loggerDict"));
  if (s.node != kNoNode) s.owner = "logging.Logger.manager.loggerDict";
  s.certainty = 0.8;
  s.evidence = format_count(by_chance.size()) + " loggers have names that are no module's, as '" +
               name_of_logger(search, by_chance.back()) + "': logging keeps every logger for ever";
  s.cure =
      "Use one logger for each module and put what changes into the message, `extra` or a LoggerAdapter.";
  s.examples.assign(by_chance.end() - 3, by_chance.end());
  found.push_back(std::move(s));
}

}  // namespace heapglass
