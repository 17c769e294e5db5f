"""A dict by thread id that outlives the threads."""
import threading

buffers = {}
gate = threading.Event()


def leak(i):
    # Many at a time, so that each has an id of its own.
    threads = [threading.Thread(target=work) for _ in range(8)] if i % 100 == 0 else []
    gate.clear()
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()


def work():
    buffers[threading.get_ident()] = ["line %d" % line for line in range(2000)]
    gate.wait()


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
