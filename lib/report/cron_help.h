// `heapglass help cron`.
#pragma once

#include <string>

namespace heapglass {

// How snapshots are taken and compared by cron, systemd and Kubernetes; its lines are run by a test as they
// stand.
std::string cron_help();

}  // namespace heapglass
