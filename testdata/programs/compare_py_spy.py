"""compare_py_spy.py DUMP ANSWER: is what stacks answers what py-spy dump --json says, thread by thread? A line for each
difference."""
import json
import sys

dump = {each["os_thread_id"] or each["thread_id"]: each for each in json.load(open(sys.argv[1]))}
answer = {each["tid"] if each["tid"] in dump else each["thread_id"]: each for each in json.load(open(sys.argv[2]))["threads"]}
differences, frames = [], 0
for thread in sorted(set(dump) | set(answer)):
    theirs = [(each["filename"], each["line"], each["name"]) for each in dump.get(thread, {"frames": []})["frames"]]
    ours = [(each["file"], each["line"], each["function"]) for each in answer.get(thread, {"frames": []})["frames"]]
    frames += len(ours)
    if ours != theirs:
        differences.append("thread %s: heapglass %s, py-spy %s" % (thread, ours, theirs))
print("\n".join(differences))
print("compared", len(answer), "threads", frames, "frames")
sys.exit(bool(differences) or not frames)
