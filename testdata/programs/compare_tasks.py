"""compare_tasks.py TOLD ANSWER: are the tasks that stacks answers of await_chains.py those that it told of? A line a difference."""
import json
import sys

told = json.loads(open(sys.argv[1]).read().split(" ", 1)[1])
answer = {each["id"]: each for each in json.load(open(sys.argv[2]))["tasks"]}
names = {each["id"]: each["name"] for each in told}
differences = ["task %r is none" % each["name"] for id_, each in answer.items() if id_ not in names]
for task in told:
    found = answer.get(task["id"])
    if found is None:
        differences.append("there is no task %(name)r" % task)
        continue
    for frame in found["frames"]:
        frame.pop("locals", None)
    for key in "name", "frames":
        if found[key] != task[key]:
            differences.append("%s of %r is %r, not %r" % (key, task["name"], found[key], task[key]))
    if found["waits_for_id"] != task["waits_for"] or found["state"] != "pending" or found["tid"] is None:
        differences.append("task %r waits for %r" % (task["name"], found))
    if task["waits_for"] in names and names[task["waits_for"]] and found["waits_for"] != "task " + names[task["waits_for"]]:
        differences.append("task %r waits for %r" % (task["name"], found["waits_for"]))
print("\n".join(differences))
print("compared", len(told), "tasks", sum(len(each["frames"]) for each in told), "frames")
sys.exit(bool(differences))
