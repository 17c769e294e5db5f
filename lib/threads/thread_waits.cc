#include "lib/threads/thread_waits.h"

#include <algorithm>
#include <map>
#include <optional>
#include <queue>
#include <set>

#include "lib/heap/object_names.h"
#include "lib/threads/lock_objects.h"

namespace heapglass {
namespace {

constexpr std::size_t kMostCandidates = 4;  // more that may have a lock tell nothing

bool is_of(const PyFrame& frame, std::string_view file) {
  return frame.file.size() > file.size() && frame.file.ends_with(file) &&
         frame.file[frame.file.size() - file.size() - 1] == '/';
}
bool is_of_library(const PyFrame& frame) { return is_of(frame, "threading.py") || is_of(frame, "queue.py"); }
// Up to 3.10 a frame knows the function's bare name.
bool is_function(const PyFrame& frame, std::string_view name) {
  return frame.function == name || (frame.function.size() > name.size() && frame.function.ends_with(name) &&
                                    frame.function[frame.function.size() - name.size() - 1] == '.');
}

class WaitFinder {
 public:
  WaitFinder(TypeTable& types, const ObjectView& values, const std::vector<ThreadView>& threads,
             const LockObjects& locks)
      : types_(types),
        o_(types.objects()),
        values_(values),
        threads_(threads),
        locks_(locks),
        contents_(types),
        names_(types, contents_) {
    for (std::size_t t = 0; t < threads.size(); ++t) {
      by_thread_id_.emplace(threads[t].python->thread_id, t);
      if (is_null(threads[t].object)) continue;
      by_object_.emplace(threads[t].object, t);
      // To 3.12: who waits for the end of a thread waits for this lock, which the thread has as long as it
      // lives.
      if (const Address lock = values.attribute(threads[t].object, "_tstate_lock"); locks.kind_of(lock))
        by_end_lock_.emplace(lock, t);
    }
  }

  ThreadWaits find() {
    ThreadWaits out;
    for (std::size_t t = 0; t < threads_.size(); ++t) out.waits.push_back(wait_of(t));
    waits_ = &out.waits;
    find_with_blocks();
    for (std::size_t t = 0; t < threads_.size(); ++t) find_holders(t, out.waits[t]);
    find_deadlocks(out);
    return out;
  }

 private:
  const std::vector<PyFrame>& frames(std::size_t t) const { return threads_[t].python->frames; }

  std::string named(std::size_t t, Address object, const std::string& what) {
    return what + " " + names_.of(object, frames(t));
  }
  std::string class_of(Address object) {
    const TypeInfo* type = types_.get(o_.type_of(object));
    return type ? type->name : "object";
  }
  std::string thread_name(Address thread) { return o_.str(values_.attribute(thread, "_name")).value_or("?"); }

  ThreadWait wait_of(std::size_t t) {
    ThreadWait wait;
    const ThreadView& thread = threads_[t];
    while (wait.frame < frames(t).size() && is_of_library(frames(t)[wait.frame])) ++wait.frame;
    if (wait.frame == frames(t).size()) wait.frame = 0;
    const ThreadRegisters* r = thread.registers;
    if (r && waits_for_gil(*r, *thread.interpreter)) {
      wait.what = ThreadWait::For::kGil;
      wait.text = "the GIL";
      return wait;
    }
    if (frames(t).empty()) return wait;
    if (r && is_end_of_thread(t, *r, wait)) return wait;
    if (r) wait.object = locks_.waited_for(*r);
    // Who stands in a system call that is known waits for nothing else.
    if (is_null(wait.object) && (!r || (r->system_call.empty() && r->state != 'R'))) guess_lock(t, wait);
    if (!is_null(wait.object)) tell_lock(t, wait);
    return wait;
  }

  bool waits_for_gil(const ThreadRegisters& r, const PyInterpreter& interpreter) const {
    const std::int32_t size = o_.layout().gil_runtime_state.size;
    // Its mutexes and condition variables are all inside of it.
    return !is_null(interpreter.gil) && !is_null(r.futex) && value(r.futex) >= value(interpreter.gil) &&
           r.futex - interpreter.gil < static_cast<std::uint64_t>(std::max(size, 0));
  }

  // 3.13 on: Thread.join() waits on the thread's handle.
  bool is_end_of_thread(std::size_t t, const ThreadRegisters& r, ThreadWait& wait) {
    const PyFrame& frame = frames(t)[0];
    if (!is_of(frame, "threading.py")) return false;
    const Address self = contents_.local(frame, "self");
    if (is_null(self) || !values_.is_instance(self, "threading.Thread")) return false;
    for (const char* name : {"_handle", "_os_thread_handle"}) {  // 3.13, 3.14 on
      const Address handle = values_.attribute(self, name);
      if (is_null(handle) || !locks_.is_parked_on_end(r, handle)) continue;
      tell_end(self, wait);
      return true;
    }
    return false;
  }

  void tell_end(Address thread, ThreadWait& wait) {
    wait.what = ThreadWait::For::kThread;
    wait.object = thread;
    wait.text = "thread " + thread_name(thread) + " to end";
    if (const auto at = by_object_.find(thread); at != by_object_.end()) wait.holders = {at->second};
  }

  // Nobody knows what the thread does in the kernel: a lock's method on top of its value stack is a guess.
  void guess_lock(std::size_t t, ThreadWait& wait) {
    for (const Address word : contents_.stack_room(frames(t)[0])) {
      const Address self =
          locks_.kind_of(word) ? word : self_of_builtin(word, {"acquire", "__exit__", "__enter__"});
      if (is_null(self) || !locks_.kind_of(self) || locks_.is_locked(self) == false) continue;
      wait.object = self;
      wait.sure = false;
    }
  }

  void tell_lock(std::size_t t, ThreadWait& wait) {
    const Address lock = wait.object;
    const LockKind::What kind = locks_.kind_of(lock)->what;
    if (const auto ended = by_end_lock_.find(lock); ended != by_end_lock_.end())
      return tell_end(threads_[ended->second].object, wait);
    if (kind == LockKind::What::kSimpleQueue) {
      wait.what = ThreadWait::For::kNotice;
      wait.text = "an item of " + named(t, lock, class_of(lock));
      return;
    }
    if (tell_notice(t, lock, wait)) return;
    wait.what = ThreadWait::For::kLock;
    wait.text = named(t, lock, kind == LockKind::What::kRLock ? "RLock" : "lock");
  }

  // Condition.wait() makes a lock of its own and waits for that; what it is for its callers say.
  bool tell_notice(std::size_t t, Address lock, ThreadWait& wait) {
    const std::vector<PyFrame>& all = frames(t);
    if (!is_of(all[0], "threading.py") || contents_.local(all[0], "waiter") != lock) return false;
    const Address condition = contents_.local(all[0], "self");
    if (is_null(condition)) return false;
    wait.what = ThreadWait::For::kNotice;
    wait.object = condition;
    wait.text = "notice by " + named(t, condition, class_of(condition));
    for (std::size_t f = 1; f < all.size() && f < wait.frame + 1; ++f) {
      const Address self = contents_.local(all[f], "self");
      if (is_null(self) || self == condition) continue;
      const std::string as = named(t, self, class_of(self));
      const bool is_queue = values_.is_instance(self, "queue.Queue");
      if (is_queue && is_function(all[f], "put"))
        wait.text = "room in " + as;
      else if (is_queue && is_function(all[f], "join"))
        wait.text = "the tasks of " + as + " to be done";
      else if (is_queue)
        wait.text = "an item of " + as;
      else if (values_.is_instance(self, "threading.Event") ||
               values_.is_instance(self, "threading.Semaphore") ||
               values_.is_instance(self, "threading.Barrier") ||
               values_.is_instance(self, "concurrent.futures._base.Future"))
        wait.text = as;
      else
        continue;
      wait.object = self;
      break;
    }
    return true;
  }

  // The object that a builtin method of one of these names is bound to; null: it is none.
  Address self_of_builtin(Address method, std::initializer_list<std::string_view> wanted) const {
    const PyLayout& l = o_.layout();
    const TypeInfo* type = is_null(method) ? nullptr : types_.get(o_.type_of(method));
    if (!type) return {};
    std::optional<std::string> name;
    Address self{};
    if (type->body == TraverseRule::kBuiltinMethod) {
      name = o_.c_string(o_.pointer(o_.pointer(method, l.PyCFunctionObject.m_ml), l.PyMethodDef.ml_name), 40);
      self = o_.pointer(method, l.PyCFunctionObject.m_self);
    } else if (type->name == "builtins.method") {
      name = o_.str(o_.pointer(o_.pointer(method, l.PyMethodObject.im_func), l.PyFunctionObject.func_name));
      self = o_.pointer(method, l.PyMethodObject.im_self);
    }
    return name && std::find(wanted.begin(), wanted.end(), *name) != wanted.end() ? self : Address{};
  }
  // A method that is bound to nothing (3.14 on): its object is the next entry of the stack.
  bool is_unbound_exit(Address method) const {
    const PyLayout& l = o_.layout();
    const TypeInfo* type = is_null(method) ? nullptr : types_.get(o_.type_of(method));
    if (!type) return false;
    if (type->name == "builtins.method_descriptor")
      return o_.str_equals(o_.pointer(method, l.PyDescrObject.d_name), "__exit__");
    return type->name == "builtins.function" &&
           o_.str_equals(o_.pointer(method, l.PyFunctionObject.func_name), "__exit__");
  }

  // The locks in whose `with` blocks a frame is, Conditions by their own.
  std::vector<Address> with_blocks(const PyFrame& frame) {
    std::vector<Address> out;
    const std::vector<Address> stack = contents_.stack_of_blocks(frame);
    for (std::size_t i = 0; i < stack.size(); ++i) {
      Address self = self_of_builtin(stack[i], {"__exit__"});
      if (is_null(self) && i + 1 < stack.size() && is_unbound_exit(stack[i])) self = stack[i + 1];
      if (is_null(self)) continue;
      if (!locks_.kind_of(self)) self = values_.attribute(self, "_lock");
      if (!is_null(self) && locks_.kind_of(self)) out.push_back(self);
    }
    return out;
  }

  void find_with_blocks() {
    for (std::size_t t = 0; t < threads_.size(); ++t) {
      // Condition.wait() lets go of the condition's lock, and takes it again before it returns.
      std::set<Address> given_back;
      for (const PyFrame& frame : frames(t))
        if (is_of(frame, "threading.py") && is_function(frame, "wait"))
          if (const Address self = contents_.local(frame, "self"); !is_null(self))
            given_back.insert(values_.attribute(self, "_lock"));
      for (const PyFrame& frame : frames(t))
        for (const Address lock : with_blocks(frame))
          if (!given_back.count(lock)) in_with_[lock].insert(t);
    }
  }

  void find_holders(std::size_t t, ThreadWait& wait) {
    if (wait.what == ThreadWait::For::kGil) {
      for (std::size_t other = 0; other < threads_.size(); ++other)
        if (threads_[other].python->tstate == threads_[t].interpreter->gil_holder) wait.holders = {other};
      return;
    }
    if (wait.what != ThreadWait::For::kLock || locks_.is_locked(wait.object) == false) return;
    if (const std::uint64_t owner = locks_.owner(wait.object)) {
      if (const auto at = by_thread_id_.find(owner); at != by_thread_id_.end()) wait.holders = {at->second};
      return;
    }
    if (const auto at = in_with_.find(wait.object); at != in_with_.end()) {
      wait.holders.assign(at->second.begin(), at->second.end());
      // In two blocks of one lock nobody can be at once: in one of them it was given back by hand.
      wait.holder_sure = wait.holders.size() == 1;
      return;
    }
    wait.holder_sure = false;
    for (std::size_t other = 0; other < threads_.size(); ++other)
      if (other != t && (*waits_)[other].object != wait.object && names_.refers(wait.object, frames(other)))
        wait.holders.push_back(other);
    if (wait.holders.size() > kMostCandidates) wait.holders.clear();
  }

  void find_deadlocks(ThreadWaits& out) {
    std::set<std::set<std::size_t>> known;
    for (const bool sure : {true, false}) {
      std::vector<std::vector<std::size_t>> edges(threads_.size());
      for (std::size_t t = 0; t < threads_.size(); ++t) {
        const ThreadWait& wait = out.waits[t];
        if (wait.what != ThreadWait::For::kLock && wait.what != ThreadWait::For::kThread) continue;
        if (!sure || (wait.sure && wait.holder_sure)) edges[t] = wait.holders;
      }
      for (std::vector<std::size_t>& circle : find_circles(edges))
        if (known.insert({circle.begin(), circle.end()}).second)
          out.deadlocks.push_back({std::move(circle), sure});
    }
  }

  TypeTable& types_;
  const Objects& o_;
  const ObjectView& values_;
  const std::vector<ThreadView>& threads_;
  const LockObjects& locks_;
  const FrameContents contents_;
  ObjectNames names_;
  const std::vector<ThreadWait>* waits_ = nullptr;
  std::map<std::uint64_t, std::size_t> by_thread_id_;
  std::map<Address, std::size_t> by_object_, by_end_lock_;
  std::map<Address, std::set<std::size_t>> in_with_;
};

}  // namespace

std::vector<std::vector<std::size_t>> find_circles(const std::vector<std::vector<std::size_t>>& waits_for) {
  std::vector<std::vector<std::size_t>> out;
  std::set<std::set<std::size_t>> known;
  constexpr std::size_t kNone = ~std::size_t{0};
  for (std::size_t start = 0; start < waits_for.size(); ++start) {
    if (waits_for[start].empty()) continue;
    // Breadth first from a thread back to itself: the shortest circle that it is in.
    std::map<std::size_t, std::size_t> before;
    std::queue<std::size_t> todo;
    todo.push(start);
    std::size_t last = kNone;
    while (!todo.empty() && last == kNone) {
      const std::size_t from = todo.front();
      todo.pop();
      for (const std::size_t to : waits_for[from]) {
        if (to == start) last = from;
        if (to == start || !before.emplace(to, from).second) continue;
        todo.push(to);
      }
    }
    if (last == kNone) continue;
    std::vector<std::size_t> circle;
    for (std::size_t t = last; t != start; t = before[t]) circle.push_back(t);
    circle.push_back(start);
    std::reverse(circle.begin(), circle.end());
    if (known.insert({circle.begin(), circle.end()}).second) out.push_back(std::move(circle));
  }
  return out;
}

ThreadWaits find_waits(TypeTable& types, const ObjectView& values, const std::vector<ThreadView>& threads,
                       const std::vector<PyInterpreter>& interpreters) {
  const LockObjects locks(values, types.objects(), interpreters);
  return WaitFinder(types, values, threads, locks).find();
}

}  // namespace heapglass
