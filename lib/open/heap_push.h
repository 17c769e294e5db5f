// Profiles of heaps for a Pyroscope: one POST to its /ingest for a capture, with labels of which there are
// few.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "platform/serving/push_sender.h"

namespace heapglass {

struct PushOptions {
  std::string url;      // http://HOST:PORT; empty: nothing is sent
  std::string headers;  // a file of them; empty: those of HEAPGLASS_PUSH_HEADERS
  std::optional<std::chrono::milliseconds> within;
};

using PushLabels = std::map<std::string, std::string, std::less<>>;

// "shop{host=web-1,pod=...}": names and values of the letters that a Pyroscope takes, others as _, each at
// most 128 bytes; labels without a value are left out.
std::string series_name(const std::string& service, const PushLabels& labels);

// Pod and container by the text of /proc/PID/cgroup, or a group's directory, as a kubelet and Docker name
// groups: {"container": the first 12 digits of its id, "pod": the pod's uid}. What is not there is left out.
PushLabels container_labels(const std::string& cgroup);

class HeapPush {
 public:
  // Before the target is opened, and rights are given up. Throws Error kUsage.
  explicit HeapPush(const PushOptions& options);

  // A pprof file of that moment, seconds since 1970. Throws Error kFile where it was not taken.
  void send(const std::string& series, std::int64_t time, const std::string& profile) const;
  std::string where() const { return post_.url.text() + "/ingest"; }

 private:
  HttpPost post_;
  PushSender sender_;
};

}  // namespace heapglass
