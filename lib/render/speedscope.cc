#include "lib/render/speedscope.h"

#include <ostream>

#include "lib/render/json.h"
#include "lib/render/profile.h"

namespace heapglass {

Warnings render_speedscope(const Document& document, const RenderOptions&, std::ostream& out) {
  const Profile& profile = profile_of(document, "speedscope");
  std::uint64_t total = 0;
  for (const ProfileSample& s : profile.samples) total += s.weight;
  out << "{\"$schema\": \"https://www.speedscope.app/file-format-schema.json\",\n\"name\": "
      << json_value(profile.name)
      << ",\n\"exporter\": \"heapglass\",\n\"activeProfileIndex\": 0,\n\"shared\": {\"frames\": [";
  for (std::size_t i = 0; i < profile.frames.size(); ++i)
    out << (i ? ",\n" : "\n") << "{\"name\": " << json_value(profile.frames[i]) << "}";
  out << "]},\n\"profiles\": [{\"type\": \"sampled\", \"name\": " << json_value(profile.name)
      << ", \"unit\": " << json_value(profile.unit) << ", \"startValue\": 0, \"endValue\": " << total
      << ",\n\"samples\": [";
  for (std::size_t i = 0; i < profile.samples.size(); ++i) {
    out << (i ? ",\n[" : "\n[");
    const auto& stack = profile.samples[i].stack;
    for (std::size_t f = 0; f < stack.size(); ++f) out << (f ? "," : "") << stack[f];
    out << ']';
  }
  out << "],\n\"weights\": [";
  for (std::size_t i = 0; i < profile.samples.size(); ++i) out << (i ? "," : "") << profile.samples[i].weight;
  out << "]}]}\n";
  return {};
}

}  // namespace heapglass
