// heapglass since: from which of many snapshots on an owner or type is there, and grows.
#include "lib/compare/since.h"

#include "cmd/command.h"
#include "lib/base/edit_distance.h"
#include "lib/base/error.h"
#include "lib/open/output_rights.h"
#include "lib/open/snapshot_series.h"
#include "lib/report/since_report.h"
#include "lib/report/write_answer.h"

namespace heapglass {
namespace {

// Those that were looked at have names; of the last of them.
[[noreturn]] void refuse_unknown(const SinceQuestion& question, const Since& since, std::size_t captures,
                                 const std::vector<std::string>& names) {
  const bool is_owner = question.type.empty();
  const std::string& wanted = is_owner ? question.owner : question.type;
  const std::string among = since.looked_at_all
                                ? "the " + std::to_string(captures) + " snapshots"
                                : std::to_string(since.looked.size()) + " of the " +
                                      std::to_string(captures) + " snapshots, which were opened";
  std::string hint = did_you_mean(near_names(wanted, names, 3));
  if (!since.looked_at_all) hint += (hint.empty() ? "" : "; ") + std::string("--all opens all of them");
  const std::string least =
      question.least > 1 ? " of " + std::to_string(question.least) + " bytes or more" : std::string();
  throw Error(ErrorKind::kUsage,
              std::string("there is no ") + (is_owner ? "owner" : "object of type") + " '" + wanted + "'" +
                  least + " in any of " + among,
              hint);
}

std::vector<std::string> names_in(const Heap& heap, const SinceQuestion& question) {
  if (!question.type.empty()) return heap.type_names();
  std::vector<std::string> names;
  for (const Owner& owner : heap.owners().owners) names.push_back(owner.path);
  return names;
}

}  // namespace

int run_since(const std::vector<std::string>& arguments) {
  CommandLine line("since", "from which of many snapshots on an owner or type is there, and grows");
  SinceQuestion question;
  std::vector<std::string> files;
  bool all = false;
  line.takes_more_targets(&files);
  line.option("owner", &question.owner, "OWNER", "an owner, as leaks and diff name it: app.cache");
  line.option("type", &question.type, "TYPE", "a type: app.Session, or Session");
  line.count("min-bytes", &question.least, 1, 1LL << 60, "it is there from so many bytes on (default 1)",
             "BYTES");
  line.flag("all", &all, "open every snapshot, not only those that halving takes");
  if (!line.parse(arguments)) return kExitDone;
  if (question.owner.empty() == question.type.empty())
    throw Error(ErrorKind::kUsage, "since needs --owner or --type, and one of them",
                "heapglass since svc-*.hg --owner app.cache; `heapglass leaks` and `diff` name owners");
  const CommonOptions& common = line.common();
  files.insert(files.begin(), common.target);
  if (files.size() < 2)
    throw Error(ErrorKind::kUsage, "there is one snapshot: nothing to compare it with",
                "give those of other moments too: heapglass since svc-*.hg --owner OWNER");
  keep_right_to_write(common);

  const SnapshotSeries series(common, files);
  std::vector<double> times;
  for (const CaptureFacts& each : series.captures())
    times.push_back(static_cast<double>(each.time_ms - series.captures().front().time_ms) / 1000);
  std::vector<Caveat> caveats;
  std::vector<std::string> names;
  const Since since = find_since(
      times,
      [&](std::size_t i) {
        const auto heap = series.open(i, {.references = question.type.empty()});
        if (i + 1 == times.size()) {
          caveats = heap->caveats();
          names = names_in(*heap, question);
        }
        return size_in(*heap, question);
      },
      all);
  if (!since.there) refuse_unknown(question, since, times.size(), names);
  write_document(since_report(question, since, series.captures(), caveats), common);
  return kExitDone;
}

}  // namespace heapglass
