// A heap as a profile: by owner, type and allocation site.
#include "lib/export/exporter.h"
#include "lib/export/heap_profile.h"
#include "lib/render/output.h"

namespace heapglass {
namespace {

class PprofExporter final : public Exporter {
 public:
  explicit PprofExporter(const OutputOptions& options) : options_(options) {}
  void write(const Heap& heap) override {
    const std::string file = heap_profile(heap);
    Output output(options_.output, options_.mode);
    output.stream().write(file.data(), static_cast<std::streamsize>(file.size()));
    output.commit();
  }

 private:
  const OutputOptions& options_;
};

}  // namespace

std::unique_ptr<Exporter> pprof_exporter(const ExportRequest& request) {
  return std::make_unique<PprofExporter>(request.output);
}

}  // namespace heapglass
