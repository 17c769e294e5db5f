"""pprof's protocol buffers, read by these lines alone."""
import collections
import gzip


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


def views(file):
    """({space: {stack, the outermost first: (objects, bytes)}}, the default sample type, its time in seconds)"""
    pprof = message(gzip.open(file).read())
    texts = [each.decode() for each in pprof[6]]
    functions = {each[1][0]: texts[each[2][0]] for each in map(message, pprof[5])}
    locations = {each[1][0]: functions[message(each[4][0])[1][0]] for each in map(message, pprof[4])}
    types = [(texts[each[1][0]], texts[each[2][0]]) for each in map(message, pprof[1])]
    assert texts[0] == "" and len(set(texts)) == len(texts), "a text is there twice"
    found = {name: {} for name, unit in types if unit == "bytes"}
    for sample in map(message, pprof[2]):
        values = numbers(sample[2][0])
        assert len(values) == len(types), values
        stack = tuple(locations[i] for i in reversed(numbers(sample[1][0])))
        for at in range(0, len(types), 2):
            assert types[at][1] == "count" and types[at + 1][1] == "bytes", types
            if values[at]:
                assert stack not in found[types[at + 1][0]], "a stack is there twice"
                found[types[at + 1][0]][stack] = (values[at], values[at + 1])
    return found, texts[pprof[14][0]], pprof[9][0] // 10**9 if pprof[9] else 0
