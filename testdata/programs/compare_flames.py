"""compare_flames.py SPEEDSCOPE PPROF BYTES: do both tell the same stacks, and that the cache of flame.py keeps so many bytes? Reads
pprof's protocol buffers by itself."""
import collections
import gzip
import json
import sys


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def message(data):
    """{field number: [each value, an int or bytes]}"""
    fields, at = collections.defaultdict(list), 0
    while at < len(data):
        tag, at = varint(data, at)
        value, at = varint(data, at)
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
            if len(value) > len(data):
                raise SystemExit("a field ends behind its message")
        elif tag & 7:
            raise SystemExit("wire type %d" % (tag & 7))
        fields[tag >> 3].append(value)
    return fields


def numbers(data):
    at, all_ = 0, []
    while at < len(data):
        value, at = varint(data, at)
        all_.append(value)
    return all_


speedscope = json.load(open(sys.argv[1]))
assert speedscope["$schema"] == "https://www.speedscope.app/file-format-schema.json"
frames, profile = [each["name"] for each in speedscope["shared"]["frames"]], speedscope["profiles"][0]
assert profile["type"] == "sampled" and profile["unit"] == "bytes" and profile["startValue"] == 0
assert len(profile["samples"]) == len(profile["weights"]) and sum(profile["weights"]) == profile["endValue"]
first = {tuple(frames[i] for i in stack): weight for stack, weight in zip(profile["samples"], profile["weights"])}
assert len(first) == len(profile["samples"]), "a stack is there twice"

pprof = message(gzip.open(sys.argv[2]).read())
texts = [each.decode() for each in pprof[6]]
functions = {each[1][0]: texts[each[2][0]] for each in map(message, pprof[5])}
locations = {each[1][0]: functions[message(each[4][0])[1][0]] for each in map(message, pprof[4])}
types = [(texts[each[1][0]], texts[each[2][0]]) for each in map(message, pprof[1])]
assert texts[0] == "" and types == [("objects", "count"), ("space", "bytes")], types
second = {}
for sample in map(message, pprof[2]):
    second[tuple(locations[i] for i in reversed(numbers(sample[1][0])))] = numbers(sample[2][0])[1]
assert first == second, "they differ"

cache = {stack: weight for stack, weight in first.items() if any(frame.startswith("cache (") for frame in stack)}
assert all(stack[0].startswith("module __main__") for stack in cache), cache
if sum(cache.values()) != int(sys.argv[3]):
    raise SystemExit("the cache keeps %d bytes, not %s" % (sum(cache.values()), sys.argv[3]))
print("compared", len(first), "stacks")
