// HTTP for PageServer: reads requests, lets in who has the token and comes from this machine's own page, and
// asks the process that has the heap. HTTP itself is read by Boost.Beast.
#pragma once

#include <string>

namespace heapglass {

struct WebFront {
  int listener = -1;
  int questions = -1, answers = -1;  // pipes to and from who answers
  std::string token;
  bool any_host = false;  // of a Unix socket: whoever can connect to it is let in, whatever it calls the host
  bool ends_with_browser = true;
};

// Until the browser has gone for kGoneAfter, or who answers has ended. The exit code of the process.
int serve_web(const WebFront& front);

// Of a request that is read: why it is not answered, as a status of HTTP; 0: it is.
struct WebRequest {
  std::string method, target, host, origin, fetch_site;
};
int refusal_of(const WebRequest& request, const WebFront& front);

}  // namespace heapglass
