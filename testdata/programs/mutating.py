"""Changes its heap as fast as it can, which stays as large as it is: about 20,000 Item. usage: mutating.py

Asked any byte, it answers + when it has changed some since.
"""
import os
import random
import threading

COUNT = 20000
by_key, in_order, rounds = {}, [], [0]


class Item(object):
    def __init__(self, number):
        self.number, self.name = number, "item %d" % number
        self.parts = [number, (self.name, number + 0.5), {"of": self, "seen": set([number, number + 1])}]


def change(seed):
    pick = random.Random(seed)
    while True:
        number = pick.randrange(COUNT)
        item = Item(number)
        item.parts.extend(range(pick.randrange(200)))  # tables and items move
        by_key[number] = item
        in_order[min(number, COUNT - 3)] = item  # each thread has one of them out, now and then
        setattr(item, "attribute_%d" % pick.randrange(40), [item])
        if not number % 64:
            by_key.pop(pick.randrange(COUNT), None)
            in_order.append(in_order.pop())
        rounds[0] += 1


for i in range(COUNT):
    by_key[i] = Item(i)
    in_order.append(by_key[i])
for seed in range(2):
    threading.Thread(target=change, args=(seed,), daemon=True).start()
os.write(1, b"READY\n")
for question in iter(lambda: os.read(0, 1), b""):
    before = rounds[0]
    while rounds[0] == before:
        pass
    os.write(1, b"+")
os._exit(0)
