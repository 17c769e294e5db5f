"""check_profile.py PROFILE HISTOGRAM [OTHER]: does a profile of heapglass export have the bytes and objects of every type as the JSON
of histogram --limit 0 has them, the same sums by owner, and sites where they are asked for? With OTHER: are its stacks the same?"""
import json
import sys

import read_pprof

found, default, time = read_pprof.views(sys.argv[1])
assert default == "inuse_space" and list(found)[:2] == ["inuse_space", "type_space"], list(found)
assert 1.5e9 < time < 5e9, time


def sums(view):
    return [sum(each) for each in zip(*view.values())]


# Bytes that sys.getsizeof says nothing of count too.
want = {each["type"]: each for each in json.load(open(sys.argv[2]))["types"]}
for stack, (count, size) in found["type_space"].items():
    if stack != ("(others)",):
        row = want[stack[0]]
        assert count == row["count"] and row["bytes"] <= size <= row["bytes"] + row["external_bytes"], (stack, count, size, row)
assert sums(found["type_space"])[0] == sum(each["count"] for each in want.values()), "types do not add up"
assert sums(found["inuse_space"]) == sums(found["type_space"]), "owners do not add up"
owned = [stack for stack in found["inuse_space"] if any(frame.startswith("cache (") for frame in stack)]
assert owned and all(stack[0] == "module __main__" for stack in owned), owned
for sites in found.get("site_space", {}):
    assert all(":" in frame for frame in sites) or sites == ("(others)",), sites
if len(sys.argv) > 3:
    other, _, _ = read_pprof.views(sys.argv[3])
    for name, view in found.items():
        changed = set(view) ^ set(other[name])
        assert len(changed) <= 0.02 * len(view), (name, sorted(changed)[:10])
print("checked", " ".join(found))
