#include "lib/tracemalloc/trace_file.h"

#include <ostream>

namespace heapglass {
namespace {

// The opcodes of Lib/pickle.py that are written here.
class Pickle {
 public:
  explicit Pickle(std::ostream& out) : out_(out) { op('\x80').op('\x02'); }
  Pickle& op(char c) {
    out_.put(c);
    return *this;
  }
  Pickle& new_object(const char* name) {  // of tracemalloc, with its state to follow
    out_ << "ctracemalloc\n" << name << '\n';
    return op(')').op('\x81');  // EMPTY_TUPLE NEWOBJ
  }
  Pickle& text(std::string_view s) {
    op('X').little(s.size(), 4);
    out_.write(s.data(), static_cast<std::streamsize>(s.size()));
    return *this;
  }
  Pickle& number(std::uint64_t n) {
    if (n < 256) return op('K').little(n, 1);
    if (n < 65536) return op('M').little(n, 2);
    if (n < std::uint64_t{1} << 31) return op('J').little(n, 4);
    return op('\x8a').op(9).little(n, 8).op(0);  // LONG1; the last byte has the sign
  }
  std::uint32_t put() {
    op('r').little(next_, 4);
    return next_++;
  }
  Pickle& get(std::uint32_t which) { return op('j').little(which, 4); }

 private:
  Pickle& little(std::uint64_t n, int bytes) {
    for (int i = 0; i < bytes; ++i) op(static_cast<char>(n >> 8 * i));
    return *this;
  }
  std::ostream& out_;
  std::uint32_t next_ = 0;
};

constexpr std::uint32_t kNotYet = ~std::uint32_t{0};

class Writer {
 public:
  Writer(const TraceSnapshot& snapshot, std::ostream& out)
      : s_(snapshot), p_(out), files_(s_.files.size(), kNotYet), tracebacks_(s_.tracebacks.size(), kNotYet) {}

  void write() {
    p_.new_object("Snapshot").op('}').op('(').text("traces");
    p_.new_object("_Traces").op('}').op('(').text("_traces").op(']');
    constexpr std::size_t kBatch = 1000;
    for (std::size_t i = 0; i < s_.traces.size(); ++i) {
      if (i % kBatch == 0) p_.op('(');
      trace(s_.traces[i]);
      if (i % kBatch == kBatch - 1 || i + 1 == s_.traces.size()) p_.op('e');  // APPENDS
    }
    p_.op('u').op('b').text("traceback_limit").number(s_.traceback_limit).op('u').op('b').op('.');
  }

 private:
  void trace(const Trace& t) {
    p_.op('(').number(t.domain).number(t.size);
    std::uint32_t& known = tracebacks_[t.traceback];
    if (known == kNotYet) {
      frames(s_.tracebacks[t.traceback]);
      known = p_.put();
    } else {
      p_.get(known);
    }
    if (s_.total_frames) p_.number(s_.tracebacks[t.traceback].total_frames);
    p_.op('t');
  }
  void frames(const TraceTraceback& t) {
    p_.op('(');
    for (std::uint32_t i = 0; i < t.count; ++i) {
      const TraceFrame& f = s_.frames[t.first + i];
      std::uint32_t& known = files_[f.file];
      if (known == kNotYet) {
        p_.text(s_.files[f.file]);
        known = p_.put();
      } else {
        p_.get(known);
      }
      p_.number(f.line).op('\x86');  // TUPLE2
    }
    p_.op('t');
  }

  const TraceSnapshot& s_;
  Pickle p_;
  std::vector<std::uint32_t> files_, tracebacks_;  // by their number: where the pickle keeps them
};

}  // namespace

void write_trace_file(const TraceSnapshot& snapshot, std::ostream& out) { Writer(snapshot, out).write(); }

}  // namespace heapglass
