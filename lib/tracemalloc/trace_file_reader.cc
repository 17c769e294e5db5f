// The other half of trace_file.h: just enough of pickle's machine for a file of traces, without a way to run
// anything.
#include <map>
#include <memory>
#include <unordered_map>
#include <variant>

#include "lib/base/error.h"
#include "lib/tracemalloc/trace_file.h"

namespace heapglass {
namespace {

struct PickleNode;
using Ref = std::shared_ptr<const PickleNode>;
struct Mark {};
struct Items {  // a tuple or a list
  std::vector<Ref> items;
};
struct Attributes {  // a dict with text keys
  std::map<std::string, Ref> items;
};
struct Object {
  std::string name;  // the class
  Ref state;
};
struct PickleNode {
  std::variant<std::monostate, Mark, std::int64_t, std::string, Items, Attributes, Object> value;
  int depth = 0;                // nodes below one another: a file that goes deeper than traces do is none
  mutable bool inside = false;  // of another, from when on it stays as it is: no circles, no growing depth
};

class Machine {
 public:
  Machine(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  Ref run() {
    while (true) {
      const unsigned char op = byte();
      if (op == '.') {
        if (stack_.size() != 1) fail("it ends too soon");
        return stack_.back();
      }
      step(op);
    }
  }
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(ErrorKind::kFile,
                "'" + name_ + "' is not a file of tracemalloc: " + why + ", at byte " + std::to_string(at_),
                "give one that tracemalloc.Snapshot.dump() or `heapglass tracemalloc --dump` wrote");
  }

 private:
  void step(unsigned char op) {
    switch (op) {
      case 0x80:  // PROTO
        byte();
        return;
      case 0x95:  // FRAME
        little(8);
        return;
      case '(':
        return push(Mark{});
      case 'N':
        return push(std::monostate{});
      case 'K':
        return push(static_cast<std::int64_t>(little(1)));
      case 'M':
        return push(static_cast<std::int64_t>(little(2)));
      case 'J':
        return push(std::int64_t{static_cast<std::int32_t>(little(4))});
      case 0x8a:  // LONG1
        return push(long_number(byte()));
      case 0x8c:  // SHORT_BINUNICODE
        return push(std::string(take(little(1))));
      case 'X':
        return push(std::string(take(little(4))));
      case 0x8d:  // BINUNICODE8
        return push(std::string(take(little(8))));
      case 'c': {
        const std::string module = line();
        return push(Object{module + "." + line(), nullptr});
      }
      case 0x93: {  // STACK_GLOBAL
        const std::string name = text(pop());
        return push(Object{text(pop()) + "." + name, nullptr});
      }
      case 0x81:  // NEWOBJ: of a class without arguments
        pop();
        return;
      case 'b':
        return build();
      case ')':
      case ']':
        return push(Items{});
      case '}':
        return push(Attributes{});
      case 't':
        return push(Items{pop_to_mark()});
      case 0x85:  // TUPLE1, TUPLE2, TUPLE3
      case 0x86:
      case 0x87:
        return push(Items{pop_some(op - 0x84u)});
      case 'a':
        return append(pop_some(1));
      case 'e':
        return append(pop_to_mark());
      case 's':
        return set(pop_some(2));
      case 'u':
        return set(pop_to_mark());
      case 0x94:  // MEMOIZE
        memo_[memo_.size()] = top();
        return;
      case 'q':
        memo_[little(1)] = top();
        return;
      case 'r':
        memo_[little(4)] = top();
        return;
      case 'h':
        return get(little(1));
      case 'j':
        return get(little(4));
      default:
        break;
    }
    fail("a part of it is of no use in one");
  }

  unsigned char byte() {
    if (at_ == bytes_.size()) fail("it ends too soon");
    return static_cast<unsigned char>(bytes_[at_++]);
  }
  std::uint64_t little(int bytes) {
    std::uint64_t n = 0;
    for (int i = 0; i < bytes; ++i) n |= std::uint64_t{byte()} << 8 * i;
    return n;
  }
  std::int64_t long_number(unsigned bytes) {
    std::uint64_t n = 0;
    unsigned char last = 0;
    for (unsigned i = 0; i < bytes; ++i) {
      last = byte();
      if (i < 8) n |= std::uint64_t{last} << 8 * i;
      if (i >= 8 && last) fail("a number is too large");
    }
    if (bytes && bytes <= 8 && last & 0x80) fail("a number is negative");
    return static_cast<std::int64_t>(n);
  }
  std::string_view take(std::uint64_t n) {
    if (n > bytes_.size() - at_) fail("it ends too soon");
    at_ += n;
    return bytes_.substr(at_ - n, n);
  }
  std::string line() {
    const std::size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) fail("it ends too soon");
    const std::string out(take(end - at_));
    ++at_;
    return out;
  }
  template <class T>
  void push(T value) {
    PickleNode node{std::move(value)};
    if (const auto* items = std::get_if<Items>(&node.value))
      for (const Ref& each : items->items) {
        node.depth = std::max(node.depth, each->depth + 1);
        each->inside = true;
      }
    check(node);
    stack_.push_back(std::make_shared<PickleNode>(std::move(node)));
  }
  void check(const PickleNode& node) const {
    constexpr int kDeepestTuple = 16;
    if (node.depth > kDeepestTuple) fail("it is nested too deeply");
  }
  const Ref& top() {
    if (stack_.empty()) fail("it takes more than it has");
    return stack_.back();
  }
  Ref pop() {
    Ref out = top();
    stack_.pop_back();
    return out;
  }
  std::vector<Ref> pop_some(std::size_t n) {
    if (stack_.size() < n) fail("it takes more than it has");
    std::vector<Ref> out(stack_.end() - static_cast<std::ptrdiff_t>(n), stack_.end());
    stack_.resize(stack_.size() - n);
    return out;
  }
  std::vector<Ref> pop_to_mark() {
    std::size_t n = 0;
    while (n < stack_.size() && !std::holds_alternative<Mark>(stack_[stack_.size() - 1 - n]->value)) ++n;
    std::vector<Ref> out = pop_some(n);
    pop();
    return out;
  }
  // What is on top, to be changed.
  template <class T>
  T& changing() {
    PickleNode& node = const_cast<PickleNode&>(*top());
    T* const value = std::get_if<T>(&node.value);
    if (!value || node.inside) fail("it adds to what takes nothing");
    return *value;
  }
  void deepen(const Ref& child) {
    PickleNode& node = const_cast<PickleNode&>(*top());
    if (child == top()) fail("something is a part of itself");
    node.depth = std::max(node.depth, child->depth + 1);
    child->inside = true;
    check(node);
  }
  void append(std::vector<Ref> added) {
    auto& items = changing<Items>().items;
    for (Ref& each : added) {
      deepen(each);
      items.push_back(std::move(each));
    }
  }
  void set(const std::vector<Ref>& added) {
    auto& items = changing<Attributes>().items;
    if (added.size() % 2) fail("a key has no value");
    for (std::size_t i = 0; i < added.size(); i += 2) {
      deepen(added[i + 1]);
      items[text(added[i])] = added[i + 1];
    }
  }
  void build() {
    const Ref state = pop();
    Object& object = changing<Object>();
    deepen(state);
    object.state = state;
  }
  void get(std::uint64_t which) {
    const auto found = memo_.find(which);
    if (found == memo_.end()) fail("it refers to what is not there");
    stack_.push_back(found->second);
  }
  std::string text(const Ref& of) const {
    const auto* const s = std::get_if<std::string>(&of->value);
    if (!s) fail("a name is none");
    return *s;
  }

  std::string_view bytes_;
  const std::string& name_;
  std::size_t at_ = 0;
  std::vector<Ref> stack_;
  std::unordered_map<std::uint64_t, Ref> memo_;
};

class TraceReader {
 public:
  explicit TraceReader(const Machine& machine) : machine_(machine) {}

  TraceSnapshot read(const Ref& root) {
    const Attributes& snapshot = state_of(root, "tracemalloc.Snapshot");
    out_.traceback_limit =
        static_cast<std::uint32_t>(number(item(snapshot, "traceback_limit"), ~std::uint32_t{0}));
    const Attributes& traces = state_of(item(snapshot, "traces"), "tracemalloc._Traces");
    for (const Ref& each : items(item(traces, "_traces"))) {
      const auto& t = items(each);
      if (t.size() != 3 && t.size() != 4) machine_.fail("a trace has neither three nor four parts");
      out_.total_frames = t.size() == 4;
      const std::uint64_t total = t.size() == 4 && !std::holds_alternative<std::monostate>(t[3]->value)
                                      ? number(t[3], ~std::uint32_t{0})
                                      : 0;
      out_.traces.push_back({.size = number(t[1], std::uint64_t{1} << 60),
                             .traceback = traceback(t[2], static_cast<std::uint32_t>(total)),
                             .domain = static_cast<std::uint32_t>(number(t[0], ~std::uint32_t{0}))});
    }
    return std::move(out_);
  }

 private:
  const Attributes& state_of(const Ref& of, const char* name) const {
    const auto* const object = std::get_if<Object>(&of->value);
    const auto* const state =
        object && object->state ? std::get_if<Attributes>(&object->state->value) : nullptr;
    if (!state || object->name != name) machine_.fail(std::string("it has no ") + name);
    return *state;
  }
  const Ref& item(const Attributes& of, const char* name) const {
    const auto found = of.items.find(name);
    if (found == of.items.end()) machine_.fail(std::string("it has no ") + name);
    return found->second;
  }
  const std::vector<Ref>& items(const Ref& of) const {
    const auto* const list = std::get_if<Items>(&of->value);
    if (!list) machine_.fail("a list or tuple is none");
    return list->items;
  }
  std::uint64_t number(const Ref& of, std::uint64_t most) const {
    const auto* const n = std::get_if<std::int64_t>(&of->value);
    if (!n || *n < 0 || static_cast<std::uint64_t>(*n) > most)
      machine_.fail("a number is none, or too large");
    return static_cast<std::uint64_t>(*n);
  }
  std::uint32_t traceback(const Ref& of, std::uint32_t total) {
    const auto [known, is_new] =
        tracebacks_.try_emplace({of.get(), total}, static_cast<std::uint32_t>(out_.tracebacks.size()));
    if (!is_new) return known->second;
    const auto& frames = items(of);
    if (frames.empty()) machine_.fail("a traceback is empty");
    out_.tracebacks.push_back({out_.frames.size(), static_cast<std::uint32_t>(frames.size()), total});
    for (const Ref& each : frames) {
      const auto& frame = items(each);
      const auto* const file = frame.size() == 2 ? std::get_if<std::string>(&frame[0]->value) : nullptr;
      if (!file) machine_.fail("a frame has no file");
      const auto [at, is_first] = files_.try_emplace(*file, static_cast<std::uint32_t>(out_.files.size()));
      if (is_first) out_.files.push_back(*file);
      out_.frames.push_back({at->second, static_cast<std::uint32_t>(number(frame[1], ~std::uint32_t{0}))});
    }
    return known->second;
  }

  const Machine& machine_;
  TraceSnapshot out_;
  std::map<std::pair<const PickleNode*, std::uint32_t>, std::uint32_t> tracebacks_;
  std::unordered_map<std::string, std::uint32_t> files_;
};

}  // namespace

bool is_trace_file(std::string_view begin) {
  return begin.size() > 2 && begin[0] == '\x80' && begin[1] >= 2 && begin[1] <= 9;
}

TraceSnapshot read_trace_file(std::string_view bytes, const std::string& name) {
  Machine machine(bytes, name);
  const Ref root = machine.run();
  return TraceReader(machine).read(root);
}

}  // namespace heapglass
