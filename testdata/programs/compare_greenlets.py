"""compare_greenlets.py TOLD ANSWER: are the greenlets that stacks answers of greenlets.py those that it told of?"""
import json
import sys

told = {each["id"]: each["frames"] for each in json.loads(open(sys.argv[1]).read().split(" ", 1)[1])}
found = {each["id"]: each["frames"] for each in json.load(open(sys.argv[2]))["greenlets"]}
for frames in found.values():
    for frame in frames:
        frame.pop("locals", None)
differences = ["%s are %s, not %s" % (id_, found.get(id_), told.get(id_)) for id_ in set(told) | set(found)
               if found.get(id_) != told.get(id_)]
print("\n".join(differences))
print("compared", len(told), "greenlets", sum(map(len, told.values())), "frames")
sys.exit(bool(differences) or not told)
