// An ELF core file as a Target: its memory, and the programs and libraries that it leaves out.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "lib/target/target.h"
#include "platform/targets/core_file.h"

namespace heapglass {

class CoreTarget final : public Target {
 public:
  // Programs and libraries are looked for under `sysroot` (their paths there, or their bare names), without
  // one at their own paths; a file with another build-id than the core's is of another build and is not
  // taken. Throws Error kUsage: no such file, or no core; kFile: damaged.
  // `came_by_pipe`: the path is no name of its own, the core is of somebody else, and one that is cut, since
  // who sent it ended, is refused as damaged.
  CoreTarget(const std::string& path, const std::string& sysroot, bool came_by_pipe = false);
  ~CoreTarget() override;

  std::string name() const override;
  std::int32_t pid() const override { return core_.pid; }
  std::string command_line() const override { return core_.command_line; }
  std::string executable() const override { return executable_; }
  std::optional<std::uint64_t> resident_bytes() const override { return std::nullopt; }
  bool owned_by_caller() const override { return !came_by_pipe_ && held_->core.owned_by_caller(); }
  bool runs() const override { return false; }
  std::optional<std::int64_t> snapshot_time() const override;  // when the file was written
  const MemoryReader& memory() const override { return *image_; }
  Binaries binaries() override;
  void prepare() override {}
  Capture capture(const SafePoint& moment) override;
  // Throws Error kUnreachable where the program, or a library that may be the interpreter, is not to be had.
  std::vector<std::string> shrunk_files() const override;
  void check() const override;

 private:
  struct File {
    FileDescriptor descriptor;
    std::string why_not;  // where there is none
  };
  struct Held {  // what the image's bytes live in
    explicit Held(const std::string& path) : core(path) {}
    CoreBytes core;
    FileDescriptor aligned;  // a copy with every segment at a page's start, where the core has not
    std::vector<std::shared_ptr<void>> views;
    std::map<std::string, File> files;
  };
  const File& file_of(const Mapping& mapping);
  std::string build_id_of(const Mapping& mapping) const;
  void set_protection(CoreSegment& segment);
  void align();
  void add(const CoreSegment& segment);

  std::string path_, sysroot_, executable_;
  const bool came_by_pipe_;
  std::shared_ptr<Held> held_;
  CoreFile core_;
  const std::byte* bytes_ = nullptr;  // what the segments' offsets count in: the core, or its aligned copy
  int descriptor_ = -1;
  Mappings mappings_;
  std::shared_ptr<Image> image_ = std::make_shared<Image>();
  std::vector<Backing> backing_;
  std::uint64_t bytes_there_ = 0, bytes_absent_ = 0;
  Binaries binaries_;
};

}  // namespace heapglass
