// Names of a capture's service and host, where nobody gave them.
#pragma once

#include <string>

#include "lib/target/target.h"

namespace heapglass {

// What a service is called that nobody named: the program that runs. "/usr/bin/python3 -u /srv/shop/app.py
// --port 80"
// -> "app"; of `python -m shop.web` "shop.web".
std::string service_of(const std::string& command_line);

// Where the capture was taken; this host where that is not known, as of a core.
std::string host_of(const Target& target);

}  // namespace heapglass
