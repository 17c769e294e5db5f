"""A pool of multiprocessing over a heap that was there before it, whose workers use that.

usage: pool_family.py WORKERS MEGABYTES

Prints READY once each of the workers has had work. Ends, and they with it, when its input ends.
"""
import multiprocessing
import sys
import time

TABLE = {}


def use(number):
    time.sleep(0.05)  # so that every worker has some
    return sum(len(text) for text in TABLE[number % len(TABLE)])


def main():
    workers, megabytes = int(sys.argv[1]), int(sys.argv[2])
    for number in range(megabytes * 100):
        TABLE[number] = ["text %d of %d" % (i, number) for i in range(90)]
    pool = multiprocessing.get_context("fork").Pool(workers)
    pool.map(use, range(workers * 8), chunksize=1)
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    sys.stdin.read()
    pool.terminate()


if __name__ == "__main__":
    main()
