"""compare_greenlets.py TOLD ANSWER: are the greenlets that stacks answers of greenlets.py or gevents.py those that it told
of, and the stacks of the threads that it told of, too?"""
import json
import sys


def told_by(path):
    told = json.loads(open(path).read().split(" ", 1)[1])
    return told if isinstance(told, dict) else {"greenlets": told, "threads": []}


def frames_of(all_of, key):
    return {each[key]: [(frame["file"], frame["line"], frame["function"]) for frame in each["frames"]] for each in all_of}


told, answer = told_by(sys.argv[1]), json.load(open(sys.argv[2]))
differences, frames = [], 0
for what, key in ("greenlets", "id"), ("threads", "thread_id"):
    should_be, is_ = frames_of(told[what], key), frames_of(answer.get(what, []), key)
    frames += sum(map(len, should_be.values()))
    differences += ["%s: %s is %s, not %s" % (what, id_, is_.get(id_), should_be.get(id_))
                    for id_ in set(should_be) | (set(is_) if what == "greenlets" else set())
                    if is_.get(id_) != should_be.get(id_)]
print("\n".join(differences))
print("compared", len(told["greenlets"]), "greenlets", len(told["threads"]), "threads", frames, "frames")
sys.exit(bool(differences) or not told["greenlets"])
