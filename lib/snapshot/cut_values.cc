#include "lib/snapshot/cut_values.h"

#include "lib/snapshot/hidden_content.h"
#include "lib/snapshot/redacted_pages.h"
#include "lib/snapshot/save_heap.h"

namespace heapglass {

void read_cut_values(Heap& heap, std::uint64_t longest, const OtherAnswers& others) {
  heap.parts().recorder.reset();  // each sets the image's guards when it comes and goes
  // Names are kept whole, however long: they stand in the program.
  const ReadRecorder shapes(heap.capture().image, ReadRecorder::Unit::kWord);
  record_redacted(heap, shapes);
  record_by_word(heap);
  const ReadRecorder& recorder = *heap.parts().recorder;
  const ContentParts parts(heap);
  HiddenContent content(heap, parts, recorder, longest);
  content.hide();
  recorder.reveal_whole_of(shapes);
  record_answer_pages(heap, longest, others);
  recorder.stop();
  content.cut_beginnings();
  recorder.take_over(shapes);
  content.cut_ends();
}

}  // namespace heapglass
