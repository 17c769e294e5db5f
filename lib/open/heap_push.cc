#include "lib/open/heap_push.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>

#include "lib/base/error.h"
#include "lib/render/utf8.h"
#include "platform/files/regular_file.h"
#include "platform/process/cgroups.h"

namespace heapglass {
namespace {

constexpr std::size_t kLongestValue = 128, kLongestWords = 300;
constexpr const char* kHeadersVariable = "HEAPGLASS_PUSH_HEADERS";

HttpHeaders headers_of(const PushOptions& options) {
  constexpr std::size_t kLongestFile = 256 << 10;
  if (!options.headers.empty())
    return parse_http_headers(RegularFile(options.headers).text(kLongestFile), options.headers);
  const char* const given = std::getenv(kHeadersVariable);
  return given ? parse_http_headers(given, kHeadersVariable) : HttpHeaders{};
}

HttpPost post_of(const PushOptions& options) {
  HttpPost post;
  post.url = parse_http_url(options.url, "--push");
  post.target = "/ingest?";
  post.headers = headers_of(options);
  if (options.within) post.within = *options.within;
  return post;
}

std::string restricted(std::string_view text, std::string_view also) {
  std::string out;
  for (const char c : text.substr(0, kLongestValue))
    out += std::isalnum(static_cast<unsigned char>(c)) || also.find(c) != also.npos ? c : '_';
  return out;
}

// One line of what a server says.
std::string one_line(const std::string& words) {
  std::string line;
  for (const char c : words)
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  while (line.ends_with(' ')) line.pop_back();
  return cut_end(printable(line), kLongestWords, "...");
}

std::string hint_of(const HttpAnswer& answer) {
  const int status = answer.status;
  if (status / 100 == 3)
    return "redirects are not followed: give --push the address itself" +
           (answer.location.empty() ? "" : ", here " + one_line(answer.location));
  if (status == 401 || status == 403)
    return "give its headers by --push-headers FILE, as 'Authorization: Bearer ...' and 'X-Scope-OrgID: ...'";
  if (status == 404 || status == 405) return "is that address a Pyroscope, whose path is /ingest?";
  if (status == 429 || status / 100 == 5) return "try again later";
  return {};
}

}  // namespace

std::string series_name(const std::string& service, const PushLabels& labels) {
  std::string name = restricted(service, "._-/");
  std::string all;
  for (const auto& [label, value] : labels)
    if (!value.empty())
      all += (all.empty() ? "" : ",") + restricted(label, "_") + "=" + restricted(value, "._-/:@");
  // "..." is the command line of a snapshot that has none.
  const bool is_named =
      std::any_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c); });
  return (is_named ? name : "python") + (all.empty() ? "" : "{" + all + "}");
}

PushLabels container_labels(const std::string& cgroup) {
  constexpr std::size_t kShown = 12, kUid = 36;
  PushLabels labels;
  if (const auto ids = container_ids(cgroup); !ids.empty())
    labels["container"] = ids.front().substr(0, kShown);
  // "/kubepods/burstable/pod0a1b...", and of systemd "-pod0a1b_....slice", with _ for -.
  for (std::size_t at = 0; (at = cgroup.find("pod", at)) != std::string::npos; at += 3) {
    std::string uid = cgroup.substr(at + 3, kUid);
    std::replace(uid.begin(), uid.end(), '_', '-');
    const auto fits = [&](std::size_t i) {
      const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
      return is_dash ? uid[i] == '-' : std::isxdigit(static_cast<unsigned char>(uid[i])) != 0;
    };
    bool is_uid = uid.size() == kUid;
    for (std::size_t i = 0; is_uid && i < kUid; ++i) is_uid = fits(i);
    if (is_uid) labels["pod"] = uid;
    if (is_uid) break;
  }
  return labels;
}

HeapPush::HeapPush(const PushOptions& options) : post_(post_of(options)), sender_(post_) {}

void HeapPush::send(const std::string& series, std::int64_t time, const std::string& profile) const {
  const std::string until = std::to_string(time), from = std::to_string(std::max<std::int64_t>(time - 1, 0));
  const HttpAnswer answer = sender_.send("name=" + percent_encoded(series) + "&from=" + from +
                                             "&until=" + until + "&format=pprof&spyName=heapglass",
                                         profile);
  if (answer.status == 0)
    throw Error(ErrorKind::kFile, "cannot send the profile to " + where() + ": " + one_line(answer.failure),
                "is the server there, and does it listen at that address?");
  if (answer.status / 100 != 2)
    throw Error(ErrorKind::kFile,
                where() + " did not take the profile: it answered " + std::to_string(answer.status) +
                    (answer.words.empty() ? "" : " " + one_line(answer.words)),
                hint_of(answer));
}

}  // namespace heapglass
