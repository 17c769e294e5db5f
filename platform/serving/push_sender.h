// A process of its own that may open connections, for one that gives that right up before it decodes: it is
// told where to send before a target is opened, and gets the bytes that are sent over a pipe. What it has
// connected it confines itself, as it reads what others answer.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

#include "platform/files/file_descriptor.h"
#include "platform/serving/http_post.h"

namespace heapglass {

class PushSender {
 public:
  // Behind the target of `post`, "/ingest?", stands what send() is given. Throws Error kUnreachable where
  // there is no process for it.
  explicit PushSender(const HttpPost& post);
  ~PushSender();
  PushSender(const PushSender&) = delete;
  PushSender& operator=(const PushSender&) = delete;

  // Once. Within the time of the post, and a second. A query is letters, digits and -._~%&=: who took the
  // decoder over sends to that place alone, with those headers alone.
  HttpAnswer send(const std::string& query, const std::string& body) const;

 private:
  std::chrono::milliseconds within_;
  FileDescriptor requests_, answers_;
  pid_t pid_ = -1;
};

}  // namespace heapglass
