"""An executor for each request, never shut down; no more than a hundred, for the machine's sake."""
from concurrent.futures import ThreadPoolExecutor

pools = []


def leak(i):
    if len(pools) < 100:
        pools.append(ThreadPoolExecutor(1))
        pools[-1].submit(len, "").result()


if __name__ == "__main__":
    import leaking
    leaking.run(leak)
