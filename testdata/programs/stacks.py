"""Threads in known states, and what the interpreter says of their stacks: READY and that as JSON on one line."""
import json
import queue
import sys
import threading
import time


class Service:
    def __init__(self):
        self.lock = threading.Lock()
        self.jobs = queue.Queue()
        self.few = queue.Queue(1)
        self.simple = queue.SimpleQueue()
        self.changed = threading.Condition()
        self.ready = threading.Event()
        self.slots = threading.Semaphore(0)

    def in_lock(self):
        with self.lock:
            raise SystemExit

    def in_acquire(self):
        value = {"a": [1, 2]}
        self.lock.acquire()
        return value

    def in_rlock(self):
        with rlock:
            raise SystemExit

    def in_condition(self):
        with self.changed:
            self.changed.wait()

    def in_timed_event(self):
        self.ready.wait(5000)

    def in_get(self):
        self.jobs.get()

    def in_put(self):
        self.few.put(1)

    def in_simple(self):
        self.simple.get()

    def in_semaphore(self):
        self.slots.acquire()

    def in_join(self):
        sleeper.join()

    def in_sleep(self):
        time.sleep(5000)

    def in_recursion(self, n=200):
        if n:
            self.in_recursion(n - 1)
        sleeper.join()

    def in_generator(self):
        def items():
            mine = [1]
            yield mine
            with self.lock:
                yield mine
        for item in items():
            seen = item
        return seen

    def in_coroutine(self):
        async def inner(n):
            self.lock.acquire()

        async def outer():
            await inner(
                5)
        outer().send(None)

    def in_sort_key(self):
        """With C code of the interpreter between two Python frames."""
        return sorted([3, 1], key=lambda each: self.lock.acquire())

    def in_except(self):
        try:
            {}["missing"]
        except KeyError as error:
            kept = error
            try:
                sleeper.join()
            finally:
                del kept

    def in_closure(self):
        count = 3

        def told():
            time.sleep(5000 + count)
        told()

    def in_class_body(self):
        service = self

        class Made:
            text = "of the class"
            service.lock.acquire()


threading.stack_size(1 << 20)  # small in a core file
service, rlock = Service(), threading.RLock()
sleeper = threading.Thread(target=service.in_sleep, name="sleeper", daemon=True)
sleeper.start()
service.few.put(0)
service.lock.acquire()
rlock.acquire()
NAMES = [name for name in vars(Service) if name.startswith("in_") and name != "in_sleep"]
threads = [threading.Thread(target=getattr(service, name), name=name, daemon=True) for name in NAMES]
for each in threads:
    each.start()


def deadlock():
    """Two of them: by `with` and locks that do not tell who has them, and by RLocks; and one thread with itself."""
    one, two, three, four = threading.Lock(), threading.Lock(), threading.RLock(), threading.RLock()
    both = [threading.Barrier(2), threading.Barrier(2)]

    def taking(first, second, barrier):
        with first:
            barrier.wait()
            with second:
                raise SystemExit

    def taking_recursively(first, second, barrier):
        first.acquire()
        barrier.wait()
        second.acquire()

    def alone():
        own = threading.Lock()
        with own:
            own.acquire()
    made = [threading.Thread(target=taking, args=(one, two, both[0]), name="first"),
            threading.Thread(target=taking, args=(two, one, both[0]), name="second"),
            threading.Thread(target=taking_recursively, args=(three, four, both[1]), name="third"),
            threading.Thread(target=taking_recursively, args=(four, three, both[1]), name="fourth"),
            threading.Thread(target=alone, name="alone")]
    for each in made:
        each.daemon = True
        each.start()
    return made


def stack_of(frame):
    told = []
    while frame:
        code = frame.f_code
        values = frame.f_locals if code.co_flags & 1 else {}
        told.append({"file": code.co_filename, "line": frame.f_lineno, "function": getattr(code, "co_qualname", code.co_name),
                     "locals": {name: repr(value) for name, value in values.items() if type(value) in (int, str, dict)}})
        frame = frame.f_back
    return told


def settled():
    """Every thread's stack, once none of them changes any more."""
    before = None
    while True:
        time.sleep(0.15)
        now = {ident: stack_of(frame) for ident, frame in sys._current_frames().items() if ident != threading.get_ident()}
        if now == before:
            return now
        before = now


def main():
    if "--deadlock" in sys.argv:
        threads.extend(deadlock())
    stacks = settled()
    told = [{"thread_id": each.ident, "name": each.name, "frames": stacks.get(each.ident)} for each in threads + [sleeper]]
    print("READY", json.dumps(told), flush=True)
    if "--spin" in sys.argv:
        while True:
            pass
    sys.stdin.read(1)


main()
