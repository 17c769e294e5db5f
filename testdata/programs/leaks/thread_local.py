"""threading.local in a thread of a pool, which never ends."""
import queue
import threading

local = threading.local()
work, done = queue.Queue(), queue.Queue()


def serve():
    local.seen = []
    while True:
        i = work.get()
        local.seen.append({"request": i, "body": "body %d " % i * 20})
        done.put(i)


threading.Thread(target=serve, daemon=True).start()


def leak(i):
    work.put(i)
    done.get()


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
