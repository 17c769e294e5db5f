"""A thread that runs a function of its own making, never the same twice: code, names and frames of each lie elsewhere.

Each function `turn_N` has locals `turn` and `text` that say which one it is.
"""
import threading
import time

SOURCE = """
def turn_{n}(turn, text):
    until = clock() + 0.0005
    while clock() < until:
        pass
    return text
"""


def run():
    kept = []
    n = 0
    while True:
        n += 1
        names = {"clock": time.perf_counter}
        exec(compile(SOURCE.format(n=n), "<turn %d>" % n, "exec"), names)
        names["turn_%d" % n](n, "turn number %d" % n)
        # What is freed would be at the same place again.
        kept.append(names)
        if len(kept) > 5000:
            del kept[:2500]


if __name__ == "__main__":
    threading.Thread(target=run, daemon=True).start()
    print("READY", flush=True)
    time.sleep(600)
