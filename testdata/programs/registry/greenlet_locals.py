"""greenlet: 200 suspended ones, each with an object of its own in a variable of its outer and of its inner frame, which no
collector knows of from 3.11 on."""
import sys

import greenlet

hub = greenlet.getcurrent()
waiting = []


class Request(object):
    pass


def helper(inner):
    hub.switch()


def handle(i):
    request = Request()
    text = bytearray(1000)
    helper(request)
    del text


for i in range(200):
    waiting.append(greenlet.greenlet(handle))
    waiting[-1].switch(i)
unborn = [greenlet.greenlet(handle) for i in range(50)]  # without a frame
finished = [greenlet.greenlet(lambda: None) for i in range(50)]
for each in finished:
    each.switch()

print("READY", flush=True)
sys.stdin.read()
