// The name of a service that nobody named.
#pragma once

#include <string>

namespace heapglass {

// What a service is called that nobody named: the program that runs. "/usr/bin/python3 -u /srv/shop/app.py
// --port 80"
// -> "app"; of `python -m shop.web` "shop.web".
std::string service_of(const std::string& command_line);

}  // namespace heapglass
