"""Compares two graphs in Graphviz's language: nodes, edges, and every attribute of each.

usage: compare_dot.py FOLDER

FOLDER has NAME.dot of objgraph, NAME.heapglass.dot beside it, any number of them, and python-reprs.txt.

Edges count as often as they are drawn. In labels "TYPE [COUNT]" the counts are compared apart: objgraph's has in it
what objgraph itself holds at that moment, which is the same for every object but those it starts at. Of
objects whose types python-reprs.txt names, what repr() says is not compared: only their own code could tell. Prints
how much was compared and ends with 0 where all is equal, else with 1 and the differences.
"""
import collections
import os
import re
import sys

TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|(->|[{}\[\]=,;])|([^\s{}\[\]=,;"]+?(?=->|[\s{}\[\]=,;"]|$)))', re.S)
# What Graphviz takes where nothing is said.
NODE = {"fontcolor": "black", "fillcolor": "lightgrey", "color": "black", "style": "", "fontsize": "14", "height": "0.5",
        "shape": "ellipse"}
EDGE = {"label": "", "color": "black", "style": "", "len": "1", "weight": "1"}
COUNT = re.compile(r"^([^\\]*) \[(-?\d+|immortal)\]\\n")


def tokens(text):
    at, end = 0, len(text.rstrip())
    while at < end:
        match = TOKEN.match(text, at)
        if not match:
            sys.exit("compare_dot: cannot read %r" % text[at:at + 80])
        at = match.end()
        quoted, sign, word = match.groups()
        yield ("word", quoted[1:-1]) if quoted is not None else ("sign", sign) if sign else ("word", word)


def parse(path):
    words = list(tokens(open(path, encoding="utf-8", errors="surrogatepass").read()))
    at = words.index(("sign", "{")) + 1
    nodes, edges, defaults = {}, [], {"node": dict(NODE), "edge": dict(EDGE), "graph": {}}
    while words[at] != ("sign", "}"):
        name = words[at][1]
        at += 1
        other = None
        if words[at] == ("sign", "->"):
            other = words[at + 1][1]
            at += 2
        attributes = {}
        if words[at] == ("sign", "["):
            at += 1
            while words[at] != ("sign", "]"):
                attributes[words[at][1]] = words[at + 2][1]
                at += 3
                if words[at] in (("sign", ","), ("sign", ";")):
                    at += 1
            at += 1
        if words[at] == ("sign", ";"):
            at += 1
        if other is not None:
            edges.append((name, other, tuple(sorted({**defaults["edge"], **attributes}.items()))))
        elif name in defaults:
            defaults[name].update(attributes)
        else:
            nodes.setdefault(name, {}).update(attributes)
    # An edge makes the nodes that nothing else names.
    for source, target, _ in edges:
        nodes.setdefault(source, {})
        nodes.setdefault(target, {})
    nodes = {name: {**defaults["node"], **attributes} for name, attributes in nodes.items()}
    for attributes in nodes.values():
        if attributes.get("label") == "\\N":
            del attributes["label"]
    return nodes, collections.Counter(edges)


def take_counts(nodes):
    """The counts of the labels, which lose them."""
    counts = {}
    for name, attributes in nodes.items():
        match = COUNT.match(attributes.get("label", ""))
        if match:
            counts[name] = match.group(2)
            attributes["label"] = match.group(1) + attributes["label"][match.end() - 2:]
    return counts


def compare(path, our_path, python):
    (nodes, edges), (ours, our_edges) = parse(path), parse(our_path)
    problems = []
    counts, our_counts = take_counts(nodes), take_counts(ours)
    if set(counts) != set(our_counts):
        problems.append("counts: of different nodes")
    starts = {name for name, attributes in nodes.items() if attributes["fontcolor"] == "red"}
    offsets = collections.Counter(int(counts[n]) - int(our_counts[n]) for n in counts
                                  if n not in starts and our_counts.get(n, "immortal") != "immortal")
    # But for a few: objgraph's loop keeps the last neighbour that it did not draw.
    if offsets and (sum(offsets.values()) - max(offsets.values()) > 3 or not -4 <= min(offsets) <= max(offsets) <= 1):
        problems.append("counts: differ by %s" % sorted(offsets.items()))
    told_by_code = 0
    for name in set(nodes) & set(ours):
        lines, our_lines = nodes[name].get("label", "").split("\\n"), ours[name].get("label", "").split("\\n")
        if lines[0].split(".")[-1] in python and len(lines) > 1 and len(our_lines) > 1 and lines != our_lines:
            told_by_code += 1
            nodes[name]["label"], ours[name]["label"] = "\\n".join(lines[:1]), "\\n".join(our_lines[:1])
    for name in sorted(set(nodes) | set(ours)):
        if nodes.get(name) != ours.get(name):
            problems.append("node %s:\n  objgraph  %s\n  heapglass %s" % (name, nodes.get(name), ours.get(name)))
    for edge in sorted(set(edges) | set(our_edges)):
        if edges[edge] != our_edges[edge]:
            problems.append("edge %s: objgraph %d times, heapglass %d" % (edge, edges[edge], our_edges[edge]))
    return problems, collections.Counter(pictures=1, nodes=len(nodes), edges=sum(edges.values()), code=told_by_code)


def main():
    folder = sys.argv[1]
    python = set(open(os.path.join(folder, "python-reprs.txt")).read().split("\n"))
    failed, total = False, collections.Counter()
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".dot") or name.endswith(".heapglass.dot"):
            continue
        path = os.path.join(folder, name)
        problems, compared = compare(path, path[:-4] + ".heapglass.dot", python)
        total += compared
        for problem in problems:
            failed = True
            print("%s: %s" % (name, problem))
    print("%(pictures)d pictures, %(nodes)d nodes, %(edges)d edges; %(code)d reprs left to Python code" % total)
    return 1 if failed or not total["pictures"] else 0


if __name__ == "__main__":
    sys.exit(main())
