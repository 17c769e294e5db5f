// A web server on this machine for one browser: a process of its own, which has the socket and nothing of the
// target. The process that has the heap hears questions from it and answers them, one at a time, over pipes;
// it opens no socket and may be confined.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "platform/files/file_descriptor.h"

namespace heapglass {

struct PageAnswer {
  int status = 200;
  std::string type;  // "text/html; charset=utf-8"
  std::string body;
};

class PageServer {
 public:
  struct Where {
    std::uint16_t port = 0;  // of 127.0.0.1; 0: a free one
    std::string socket;      // a Unix socket at this path instead, for its owner alone
    bool ends_with_browser = true;
  };
  // Listens and starts the process, before a target is opened. Throws Error kUsage where the place is taken.
  explicit PageServer(const Where& where);
  ~PageServer();
  PageServer(const PageServer&) = delete;
  PageServer& operator=(const PageServer&) = delete;

  // "http://127.0.0.1:40123/TOKEN/", or where the Unix socket is. Nobody without the token is answered.
  const std::string& address() const { return address_; }
  // What comes behind the token, "/object?id=0x7f10"; each is to be answered before the next. nullopt: the
  // browser has gone, or the server has ended.
  std::optional<std::string> next() const;
  void answer(const PageAnswer& answer) const;

 private:
  std::string address_, socket_;
  FileDescriptor questions_, answers_;
  pid_t pid_ = -1;
};

}  // namespace heapglass
