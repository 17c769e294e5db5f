"""compare_flames.py SPEEDSCOPE PPROF BYTES: do both tell the same stacks, and that the cache of flame.py keeps so many bytes?"""
import json
import sys

import read_pprof


speedscope = json.load(open(sys.argv[1]))
assert speedscope["$schema"] == "https://www.speedscope.app/file-format-schema.json"
frames, profile = [each["name"] for each in speedscope["shared"]["frames"]], speedscope["profiles"][0]
assert profile["type"] == "sampled" and profile["unit"] == "bytes" and profile["startValue"] == 0
assert len(profile["samples"]) == len(profile["weights"]) and sum(profile["weights"]) == profile["endValue"]
first = {tuple(frames[i] for i in stack): weight for stack, weight in zip(profile["samples"], profile["weights"])}
assert len(first) == len(profile["samples"]), "a stack is there twice"

found, default, _ = read_pprof.views(sys.argv[2])
assert list(found) == ["space"] and default == "space", found.keys()
second = {stack: size for stack, (_, size) in found["space"].items()}
assert first == second, "they differ"

cache = {stack: weight for stack, weight in first.items() if any(frame.startswith("cache (") for frame in stack)}
assert all(stack[0].startswith("module __main__") for stack in cache), cache
if sum(cache.values()) != int(sys.argv[3]):
    raise SystemExit("the cache keeps %d bytes, not %s" % (sum(cache.values()), sys.argv[3]))
print("compared", len(first), "stacks")
