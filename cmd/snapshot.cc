// heapglass snapshot: one moment of a process, saved.
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <future>
#include <iostream>
#include <optional>

#include "cmd/command.h"
#include "lib/base/error.h"
#include "lib/base/progress.h"
#include "lib/compare/heap_summary.h"
#include "lib/memory/memory_account.h"
#include "lib/open/hash_key_file.h"
#include "lib/open/open_heap.h"
#include "lib/open/snapshot_files.h"
#include "lib/render/output.h"
#include "lib/render/output_keeper.h"
#include "lib/report/metrics.h"
#include "lib/report/stacks.h"
#include "lib/snapshot/answer_pages.h"
#include "lib/snapshot/cut_values.h"
#include "lib/snapshot/metadata.h"
#include "lib/snapshot/redacted_pages.h"
#include "lib/snapshot/save_heap.h"
#include "lib/snapshot/saved_bill.h"
#include "lib/snapshot/saved_leaked_references.h"
#include "lib/tracemalloc/tracemalloc.h"
#include "platform/targets/piped_core.h"

namespace heapglass {
namespace {

constexpr std::uint64_t kLongestValue = 1 << 20;  // as much as conditions look at

std::string folder_of(const std::string& path) {
  const std::size_t end = path.rfind('/');
  return end == std::string::npos ? "." : end == 0 ? "/" : path.substr(0, end);
}

void print_section_sizes(const SnapshotWriter& writer, std::uint32_t objects) {
  auto sizes = writer.sizes();
  std::stable_sort(sizes.begin(), sizes.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::cerr << "heapglass: " << writer.bytes_written() << " bytes for " << objects << " objects:";
  for (std::size_t i = 0; i < std::min<std::size_t>(sizes.size(), 12); ++i)
    std::cerr << " " << sizes[i].first << " " << sizes[i].second;
  std::cerr << "\n";
}

}  // namespace

int run_snapshot(const std::vector<std::string>& arguments) {
  CommandLine line("snapshot", "saves a capture in a file, which every command reads later");
  line.takes_processes();
  long long newest = 0, days = -1;
  std::string key_file;
  std::optional<std::uint64_t> cut;
  bool no_values = false;
  line.count("keep", &newest, 1, 1'000'000,
             "remove older snapshots that -o could have named, all but the newest N, this one included");
  line.count("keep-days", &days, 1, 100'000, "remove those that are older than N days");
  MetricsOptions metrics;
  line.metrics(&metrics);
  ThresholdOptions fail_if;
  line.thresholds(&fail_if, "where THRESHOLD is exceeded, once the snapshot is written, such as 'rss > 2GB'");
  line.flag(
      "no-values", &no_values,
      "keep no values: no text, number or bytes of an object, only types, sizes, references and the names "
      "that the program's code has");
  line.option(
      "hash-values", &key_file, "KEYFILE",
      "as --no-values, with a keyed hash of each value, by which equal values are found in this snapshot and "
      "in others made with the same KEYFILE (made where it does not exist); without the key nobody can try "
      "values");
  line.count(
      "cut-values", &cut, 16, 1 << 30,
      "keep the first BYTES of each value and what --no-values keeps, and nothing else: nothing behind the "
      "cut, between objects, in freed memory or on stacks; without this option whole pages are kept, with "
      "values of up to 1048576 bytes",
      "BYTES");
  std::optional<std::uint64_t> longest_core;
  line.count(
      "max-core", &longest_core, 1, 1LL << 50,
      "with - as target, a core on standard input: refuse one that has more than BYTES (default: one that "
      "takes more than half of the disk's free room)",
      "BYTES");
  if (!line.parse(arguments)) return kExitDone;
  if (!metrics.file.empty())
    line.common().extra_outputs.emplace_back(metrics.file, mode_of_metrics(line.common().mode));
  CommonOptions& common = line.common();
  if (common.output.empty() || common.output == "-")
    throw Error(ErrorKind::kUsage, "a snapshot needs a file to be written to",
                "give one with -o: svc.hg, or svc-%Y%m%dT%H%M%S-%p.hg for one that tells when and of whom");
  if (!common.format.empty())
    throw Error(ErrorKind::kUsage, "a snapshot has one format", "`heapglass export` writes others");
  if (no_values && !key_file.empty())
    throw Error(ErrorKind::kUsage, "--hash-values cannot be combined with --no-values",
                "a snapshot with hashes keeps no values either");
  const bool keeps_values = !no_values && key_file.empty();
  if (!keeps_values && cut)
    throw Error(ErrorKind::kUsage, "--cut-values is for values that are kept",
                "leave one of the options out");
  const std::uint64_t longest = cut.value_or(kLongestValue);
  const auto key = key_file.empty() ? std::nullopt : std::optional(key_of_file(key_file));
  const Thresholds thresholds(fail_if);
  thresholds.require_one_capture();
  const bool comes_by_pipe = common.target == "-";
  if (longest_core && !comes_by_pipe)
    throw Error(ErrorKind::kUsage, "--max-core is for a core on standard input",
                "heapglass snapshot - -o FILE.hg <CORE");
  const SnapshotNames names(common.output);
  if (!names.is_pattern() && (newest || days >= 0))
    throw Error(ErrorKind::kUsage, "--keep and --keep-days go with a name that tells the time",
                "-o 'svc-%Y%m%dT%H%M%S.hg'");
  const std::optional<FileDescriptor> lock = names.is_pattern() ? std::optional(names.lock()) : std::nullopt;

  FileDescriptor core;
  if (comes_by_pipe) {
    check_output(common.output);
    core = store_piped_core(STDIN_FILENO, folder_of(common.output), longest_core.value_or(0));
    common.target = "/proc/self/fd/" + std::to_string(core.get());
    common.is_piped_core = true;
  }
  const std::time_t now = std::time(nullptr);
  std::string file;
  HeapNeeds opening{.residency = true, .sharing = true, .to_save = keeps_values};
  opening.agree = [&](const Target& target, CommonOptions& agreed) {
    file = names.name(now, target.pid());
    agreed.output = file;
    agreed.deeds.push_back(
        [&] { names.rotate(static_cast<std::size_t>(newest), static_cast<double>(days), file); });
  };
  auto heap = open_heap(common, opening);
  Output output(file, common.mode);
  std::optional<InStage> stage(Stage::kRecording);
  const auto read_stacks = [&](std::size_t repr) { stacks_document(*heap, {.locals = true, .repr = repr}); };
  // Beside what is read for the other answers: it looks at nothing that is noted.
  auto account = std::async(std::launch::async, [&] { return memory_account(*heap); });
  if (!keeps_values) {
    if (key)
      hash_values(
          *heap, [&](std::string_view bytes) { return keyed_hash(*key, bytes); },
          "hashed with " + name_of_key(*key));
    else
      heap->parts().value_policy = "none";
    record_by_word(*heap);
    record_redacted(*heap, *heap->parts().recorder);
  } else if (cut) {
    read_cut_values(*heap, longest, read_stacks);
  } else {
    record_answer_pages(*heap, longest, read_stacks);
    read_tracemalloc(heap->objects());
  }
  stage.reset();
  stage.emplace(Stage::kSaving);
  Metadata facts;
  facts.set("heapglass", HEAPGLASS_VERSION);
  if (keeps_values) facts.set_number("values.longest", longest);
  SnapshotWriter writer;
  save_heap(*heap, writer, facts);
  save_leaked_references(writer, leaked_references_of(*heap));
  writer.write(output.stream());
  // Last: the bill may have taken until now.
  const MemoryAccount memory = account.get();
  save_bill(writer, facts, memory.bill);
  save_arenas(writer, memory.arenas);
  facts.save(writer);
  writer.finish(output.stream());
  const std::uint32_t objects = heap->graph().nodes();
  std::optional<std::vector<Gauge>> gauges;
  std::optional<HeapSummary> summary;
  if (!metrics.file.empty() || thresholds) summary = summarize(*heap, {.identities = false});
  if (common.on_answer) common.on_answer({}, objects);
  // All the memory goes back to the system, which takes longer than the disk does.
  auto let_go = std::async(std::launch::async, [&] { heap.reset(); });
  output.commit();
  const std::vector<std::string> reasons =
      summary ? thresholds.exceeded(*summary, *summary) : std::vector<std::string>();
  if (!metrics.file.empty()) gauges = gauges_of(*summary, nullptr, !reasons.empty(), metrics);
  if (gauges) write_metrics(*gauges, metrics, common.mode);
  constexpr std::size_t kRotate = 0;
  if (newest || days >= 0) OutputKeeper::active()->perform(kRotate);
  let_go.get();
  if (common.verbose) print_section_sizes(writer, objects);
  return reasons.empty() ? kExitDone : kExitExceeded;
}

}  // namespace heapglass
