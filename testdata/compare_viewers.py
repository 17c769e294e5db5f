"""Whether what `export` writes for other people's viewers is the heap that `query` answers from.

usage: compare_viewers.py HEAPSNAPSHOT GRAPHML OBJECTS.csv REFS.csv

OBJECTS.csv: SELECT id, type, size, retained, external FROM objects ORDER BY id; REFS.csv: SELECT holder, held, class, label FROM refs. Of the
.heapsnapshot the retained sizes are computed here, as DevTools does it: over references that are not weak, by the algorithm of
Cooper, Harvey and Kennedy, which heapglass does not use. Prints what differs, and exits 1; else the numbers of objects and
references.
"""
import csv
import json
import sys
import xml.etree.ElementTree

FIELDS = 7


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as lines:
        return list(csv.reader(lines))[1:]


def dominators(successors):
    """The immediate dominator of each node that node 0 reaches, and those nodes in postorder."""
    order, place, opened = [], {}, {0}
    stack = [(0, iter(successors[0]))]
    while stack:
        node, rest = stack[-1]
        for to in rest:
            if to not in opened:
                opened.add(to)
                stack.append((to, iter(successors[to])))
                break
        else:
            stack.pop()
            place[node] = len(order)
            order.append(node)
    predecessors = {node: [] for node in order}
    for node in order:
        for to in successors[node]:
            predecessors[to].append(node)
    above = {0: 0}

    def common(a, b):
        while a != b:
            while place[a] < place[b]:
                a = above[a]
            while place[b] < place[a]:
                b = above[b]
        return a

    changed = True
    while changed:
        changed = False
        for node in reversed(order[:-1]):
            new = None
            for before in predecessors[node]:
                if before in above:
                    new = before if new is None else common(new, before)
            if above.get(node) != new:
                above[node] = new
                changed = True
    return above, order


def check_heapsnapshot(path, objects, refs):
    with open(path, encoding="utf-8") as file:
        heap = json.load(file)
    meta = heap["snapshot"]["meta"]
    nodes, edges, strings = heap["nodes"], heap["edges"], heap["strings"]
    count = heap["snapshot"]["node_count"]
    assert len(meta["node_fields"]) == FIELDS and len(nodes) == FIELDS * count, (len(nodes), count)
    assert len(edges) == 3 * heap["snapshot"]["edge_count"]
    weak = meta["edge_types"][0].index("weak")
    above = count - len(objects)
    successors, self_size, names, edge = [], [], [], 0
    ids = set()
    for at in range(0, len(nodes), FIELDS):
        kind, name, number, size, edge_count = nodes[at:at + 5]
        ids.add(number)
        self_size.append(size)
        names.append(strings[name] if meta["node_types"][0][kind] == "object" else None)
        to = []
        for e in range(edge, edge + 3 * edge_count, 3):
            assert edges[e + 2] % FIELDS == 0 and edges[e + 2] < len(nodes)
            assert meta["edge_types"][0][edges[e]] == "element" or edges[e + 1] < len(strings)
            if edges[e] != weak:
                to.append(edges[e + 2] // FIELDS)
        edge += 3 * edge_count
        successors.append(to)
    assert edge == len(edges) and len(ids) == count, (edge, len(edges), len(ids), count)
    of_objects = sum(len(range(0, nodes[at + 4])) for at in range(above * FIELDS, len(nodes), FIELDS))
    assert of_objects == len(refs), (of_objects, len(refs))
    over, order = dominators(successors)
    assert len(order) == count, "%d of %d nodes are reached from the root" % (len(order), count)
    retained = list(self_size)
    for node in order[:-1]:
        retained[over[node]] += retained[node]
    for n, (_, kind, size, kept, external) in enumerate(objects):
        if names[above + n] is not None and names[above + n] != kind:
            sys.exit("heapsnapshot: object %d is of type %s, not %s" % (n, names[above + n], kind))
        # What sys.getsizeof does not count, attributes of instances among it, is in what the viewer adds up.
        own = int(size), int(size) + int(external)
        if self_size[above + n] not in own or retained[above + n] != int(kept):
            sys.exit("heapsnapshot: %s: own and retained size %s, not one of %s and %s"
                     % (objects[n], (self_size[above + n], retained[above + n]), own, kept))


def check_graphml(path, objects, refs):
    prefix = "{http://graphml.graphdrawing.org/xmlns}"
    keys, nodes, edges = {}, [], []
    for _, element in xml.etree.ElementTree.iterparse(path):
        if element.tag == prefix + "key":
            keys[element.get("id")] = element.get("attr.name")
        if element.tag not in (prefix + "node", prefix + "edge"):
            continue
        data = {keys[each.get("key")]: each.text or "" for each in element.findall(prefix + "data")}
        if element.tag == prefix + "node":
            assert element.get("id") == "n%d" % len(nodes)
            nodes.append((int(data["address"], 16), data["type"], int(data["size"])))
        else:
            edges.append((int(element.get("source")[1:]), int(element.get("target")[1:]), data["class"], data.get("label", "")))
        element.clear()
    wanted = [(int(number), kind, (int(size), int(size) + int(external))) for number, kind, size, _, external in objects]
    assert len(nodes) == len(wanted), (len(nodes), len(wanted))
    wrong = [(node, want) for node, want in zip(nodes, wanted) if node[:2] != want[:2] or node[2] not in want[2]]
    assert not wrong, wrong[:3]
    address = [each[0] for each in nodes]
    told = sorted((address[a], address[b], kind, label) for a, b, kind, label in edges)
    asked = sorted((int(a), int(b), kind, label) for a, b, kind, label in refs)
    assert told == asked, [pair for pair in zip(told, asked) if pair[0] != pair[1]][:3]


def main():
    heapsnapshot, graphml, objects, refs = sys.argv[1:]
    objects, refs = rows_of(objects), rows_of(refs)
    check_heapsnapshot(heapsnapshot, objects, refs)
    check_graphml(graphml, objects, refs)
    print("%d objects, %d references" % (len(objects), len(refs)))


if __name__ == "__main__":
    main()
