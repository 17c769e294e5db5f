"""One memo for all calls of copy.deepcopy(): its keys are addresses, which are no ids of threads."""
import copy

memo = {}
settings = {"retries": [1, 2, 4], "hosts": {"primary": "a.example", "spare": "b.example"}}


def leak(i):
    copy.deepcopy({"request": [i], "settings": dict(settings)}, memo)


if __name__ == "__main__":
    import leaking
    leaking.run(leak, 1500)
