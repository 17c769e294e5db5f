"""compare_stacks.py TOLD ANSWER [none]: is what stacks answers of stacks.py what the interpreter told of itself? A line for each
difference; `none`: read while it ran."""
import json
import re
import sys

told = json.loads(open(sys.argv[1]).read().split(" ", 1)[1])
answer = json.load(open(sys.argv[2]))
threads = {each["thread_id"]: each for each in answer["threads"]}
differences = []
WAITS = {
    "in_lock": ("lock", r"lock self\.lock at 0x\w+$"), "in_acquire": ("lock", r"lock self\.lock at"),
    "in_rlock": ("lock", r"RLock __main__\.rlock$"), "in_condition": ("notice", r"notice by threading\.Condition self\.changed at"),
    "in_timed_event": ("notice", r"threading\.Event self\.ready at"), "in_get": ("notice", r"an item of queue\.Queue self\.jobs at"),
    "in_put": ("notice", r"room in queue\.Queue self\.few at"),
    "in_simple": ("notice", r"an item of _queue\.SimpleQueue self\.simple at"),
    "in_semaphore": ("notice", r"threading\.Semaphore self\.slots at"), "in_join": ("thread", r"thread sleeper to end$"),
    "in_recursion": ("thread", r"thread sleeper to end$"), "in_generator": ("lock", r"lock self\.lock at"),
    "in_coroutine": ("lock", r"lock self\.lock at"), "in_sort_key": ("lock", r"lock self\.lock at"),
    "in_except": ("thread", r"thread sleeper to end$"), "in_class_body": ("lock", r"lock (self|service)\.lock at"),
    "first": ("lock", r"lock second at"), "second": ("lock", r"lock second at"), "third": ("lock", r"RLock second at"),
    "fourth": ("lock", r"RLock second at"), "alone": ("lock", r"lock own at"), "in_closure": None, "sleeper": None}


def differ(who, what, is_, should_be):
    differences.append("%s: %s is %r, not %r" % (who, what, is_, should_be))


for thread in told:
    name, found = thread["name"], threads.get(thread["thread_id"])
    if found is None:
        differences.append("there is no " + name)
        continue
    if found["name"] != name:
        differ(name, "its name", found["name"], name)
    for i, (is_, should_be) in enumerate(zip(found["frames"], thread["frames"])):
        for key in "file", "line", "function":
            if is_[key] != should_be[key]:
                differ(name, "%s of frame %d" % (key, i), is_[key], should_be[key])
        for local, value in should_be["locals"].items():
            if is_["locals"].get(local) != value:
                differ(name, "local %s of frame %d" % (local, i), is_["locals"].get(local), value)
    if len(found["frames"]) != len(thread["frames"]):
        differ(name, "its number of frames", len(found["frames"]), len(thread["frames"]))
    waits = found["waits_for"]
    if WAITS[name] is None:
        if waits is not None:
            differ(name, "what it waits for", waits, None)
    elif waits is None or waits["kind"] != WAITS[name][0] or not re.match(WAITS[name][1], waits["text"]) or not waits["sure"]:
        differ(name, "what it waits for", waits, WAITS[name])

ids = {each["name"]: each["tid"] for each in answer["threads"]}
for name, holder in ("in_rlock", "MainThread"), ("in_join", "sleeper"), ("first", "second"), ("third", "fourth"), ("alone", "alone"):
    if name in ids and (threads_of := [each["waits_for"] for each in answer["threads"] if each["name"] == name]) \
            and threads_of[0] and (threads_of[0]["held_by"] != [ids[holder]] or not threads_of[0]["holder_sure"]):
        differ(name, "who has it", threads_of[0], holder)
if "first" in ids:
    circles = sorted(sorted(each) for each in answer["deadlocks"])
    should_be = sorted(sorted({ids[a], ids[b]}) for a, b in (("first", "second"), ("third", "fourth"), ("alone", "alone")))
    if circles != should_be:
        differ("the process", "its deadlocks", circles, should_be)
elif answer["deadlocks"]:
    differ("the process", "its deadlocks", answer["deadlocks"], [])

print("\n".join(differences))
print("compared", len(told), "threads", sum(len(each["frames"]) for each in told), "frames")
sys.exit(bool(differences))
