"""Greenlets that stand at different depths, one that has ended and one that has not begun, and what greenlet says of
their frames: READY and that as JSON on one line."""
import json
import sys

import greenlet

main = greenlet.getcurrent()


class Worker(greenlet.greenlet):
    def run(self, depth=0):
        work(depth)


def work(depth):
    if depth:
        return work(depth - 1)
    for _ in iter(int, 1):
        main.switch()


def through_c(depth):
    return max([depth], key=lambda each: work(each))


def frames_of(each):
    frame, frames = each.gr_frame, []
    while frame:
        code = frame.f_code
        frames.append({"file": code.co_filename, "line": frame.f_lineno,
                       "function": getattr(code, "co_qualname", code.co_name)})
        frame = frame.f_back
    return frames


greenlets = [Worker() for _ in range(5)] + [greenlet.greenlet(through_c) for _ in range(5)]
ended, never = greenlet.greenlet(lambda: 1), greenlet.greenlet(through_c)
ended.switch()
for depth, each in enumerate(greenlets):
    each.switch(depth)
told = [{"id": id(each), "frames": frames_of(each)} for each in greenlets]
for each in greenlets:  # to the same line again, which nobody asks for any more
    each.switch()
print("READY " + json.dumps(told), flush=True)
sys.stdin.read()
