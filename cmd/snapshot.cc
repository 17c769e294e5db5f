// heapglass snapshot: one moment of a process, saved.
#include <chrono>
#include <iostream>

#include "cmd/session.h"
#include "cmd/what_answers_read.h"
#include "lib/base/error.h"
#include "lib/render/output.h"

namespace heapglass {

int run_snapshot(const std::vector<std::string>& arguments) {
  CommandLine line("snapshot", "saves one moment, for every command to look at later");
  if (!line.parse(arguments)) return kExitDone;
  const CommonOptions& common = line.common();
  if (common.output.empty() || common.output == "-")
    throw Error(ErrorKind::kUsage, "a snapshot needs a file to be written to", "give one with -o FILE");
  Output output(common.output, 0600);
  const auto session = Session::open(common, {.to_save = true});
  read_what_answers_read(*session, 1 << 16);
  Facts facts;
  facts.set("heapglass", HEAPGLASS_VERSION);
  facts.set_number("captured_at_ms",
                   static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                                  std::chrono::system_clock::now().time_since_epoch())
                                                  .count()));
  SnapshotWriter writer;
  session->save(writer, std::move(facts));
  writer.write(output.stream());
  output.commit();
  if (common.verbose)
    for (const auto& [name, bytes] : writer.sizes()) std::cerr << "heapglass: " << name << " " << bytes << "\n";
  return kExitDone;
}

}  // namespace heapglass
