"""objgraph draws pictures of objgraph_shapes.py inside this process; heapglass draws the same from outside.

usage: objgraph_examples.py OBJGRAPH-FOLDER OUTPUT-FOLDER

Writes into OUTPUT-FOLDER NAME.dot, objgraph's drawing, and NAME.args, the arguments with which heapglass is to make
the same, one a line; `python-reprs.txt` names the types whose repr() is Python code; `types.txt` and `types-long.txt` are what show_most_common_types prints. Then it says READY and
waits for its standard input to end, changing nothing more.

Python 3.7 to 3.15.
"""
import gc
import io
import os
import signal
import sys

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
signal.alarm(900)
gc.disable()  # objgraph collects where it wants to; nothing else changes the order of the collector's lists

import objgraph  # noqa: E402
import objgraph_shapes as shapes  # noqa: E402


def address(each):
    return "id=%d" % id(each)


# name, what to draw, objgraph's arguments, heapglass' arguments. `objects` are told by functions: a list of them
# that lives on would hold what is drawn.
EXAMPLES = [
    ("backrefs", "show_backrefs", lambda: [shapes.x], {}, []),
    ("refs", "show_refs", lambda: [shapes.y], {}, []),
    ("leak", "show_backrefs", lambda: objgraph.by_type("MyBigFatObject"), {}, []),
    ("leak_deep", "show_backrefs", lambda: objgraph.by_type("MyBigFatObject")[:1], {"max_depth": 6, "too_many": 4},
     ["--max-depth", "6", "--too-many", "4"]),
    ("uncollectable", "show_backrefs", lambda: [shapes.nondestructible], {"max_depth": 5}, ["--max-depth", "5"]),
    ("uncollectable_refs", "show_refs", lambda: [shapes.nondestructible], {}, []),
    ("highlight", "show_backrefs", lambda: [shapes.leaf], {"highlight": lambda each: type(each) is shapes.Node},
     ["--highlight", "type == objgraph_shapes.Node"]),
    ("filter", "show_backrefs", lambda: [shapes.leaf], {"max_depth": 4, "filter": lambda each: type(each) is not dict},
     ["--max-depth", "4", "--filter", "type != dict"]),
    ("filter_sizes", "show_refs", lambda: [shapes.tree], {"filter": lambda each: sys.getsizeof(each) < 400},
     ["--filter", "size < 400"]),
    ("extra_ignore", "show_backrefs", lambda: [shapes.leaf], {"extra_ignore": lambda: [id(shapes.branch)]},
     ["--extra-ignore", lambda: str(id(shapes.branch))]),
    ("extra_info", "show_refs", lambda: [shapes.branch], {"extra_info": lambda each: hex(id(each))}, ["--extra-info", "id"]),
    ("extra_size", "show_refs", lambda: [shapes.y], {"extra_info": lambda each: "%d bytes" % sys.getsizeof(each)},
     ["--extra-info", "size"]),
    ("long_names", "show_refs", lambda: [shapes.tree, shapes.child], {"shortnames": False}, ["--longnames"]),
    ("refcounts", "show_backrefs", lambda: [shapes.leaf], {"refcounts": True}, ["--refcounts"]),
    ("several", "show_backrefs", lambda: [shapes.leaf, shapes.branch, shapes.x], {"too_many": 3}, ["--too-many", "3"]),
    ("too_many_back", "show_backrefs", lambda: [shapes.popular], {"max_depth": 2}, ["--max-depth", "2"]),
    ("too_many_refs", "show_refs", lambda: [shapes.fans], {}, []),
    ("too_many_same", "show_refs", lambda: [shapes.idol], {"too_many": 5}, ["--too-many", "5"]),
    ("depth_0", "show_refs", lambda: [shapes.y], {"max_depth": 0}, ["--max-depth", "0"]),
    ("too_many_0", "show_refs", lambda: [shapes.y], {"too_many": 0}, ["--too-many", "0"]),
    ("slots", "show_refs", lambda: [shapes.slotted, shapes.child], {"max_depth": 2}, ["--max-depth", "2"]),
    ("functions", "show_refs", lambda: [shapes.closure, shapes.anonymous, shapes.partial], {"too_many": 20},
     ["--too-many", "20"]),
    ("methods", "show_refs", lambda: [shapes.bound, shapes.falsely_bound, shapes.builtin_bound], {}, []),
    ("generators", "show_refs", lambda: [shapes.generator, shapes.coroutine], {"max_depth": 2}, ["--max-depth", "2"]),
    ("generator_backrefs", "show_backrefs", lambda: [shapes.leaf], {"max_depth": 1, "too_many": 50},
     ["--max-depth", "1", "--too-many", "50"]),
    ("traceback", "show_refs", lambda: [shapes.failure], {"max_depth": 4}, ["--max-depth", "4"]),
    ("values", "show_refs", lambda: [shapes.values], {"max_depth": 1, "too_many": 200},
     ["--max-depth", "1", "--too-many", "200"]),
    ("class", "show_refs", lambda: [shapes.Node], {"max_depth": 2, "too_many": 30}, ["--max-depth", "2", "--too-many", "30"]),
    ("class_backrefs", "show_backrefs", lambda: [shapes.Node], {"max_depth": 2}, ["--max-depth", "2"]),
    ("module", "show_refs", lambda: [shapes], {"max_depth": 2, "too_many": 100}, ["--max-depth", "2", "--too-many", "100"]),
]


def draw(show, objects, arguments):
    out = io.StringIO()
    arguments = dict(arguments)
    if "extra_ignore" in arguments:
        arguments["extra_ignore"] = arguments["extra_ignore"]()
    getattr(objgraph, show)(objects(), output=out, **arguments)
    return out.getvalue()


def draw_chain():
    """show_chain of the way to a module, as the documentation's example draws it."""
    out = io.StringIO()
    chain = objgraph.find_backref_chain(objgraph.by_type("MyBigFatObject")[0], objgraph.is_proper_module)
    ids = [id(each) for each in chain]
    objgraph.show_chain(chain, output=out)
    del chain
    return out.getvalue(), ids


def write(folder, name, text):
    descriptor = os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(descriptor, text.encode("utf-8", "surrogatepass"))
    os.close(descriptor)


def draw_all(folder):
    for name, show, objects, arguments, options in EXAMPLES:
        write(folder, name + ".dot", draw(show, objects, arguments))
        words = ["backrefs" if show == "show_backrefs" else "refs"]
        for each in objects():
            words += ["--id", str(id(each))]
        words += [word() if callable(word) else word for word in options]
        write(folder, name + ".args", "\n".join(words))
    text, ids = draw_chain()
    write(folder, "chain.dot", text)
    write(folder, "chain.args", "\n".join(["backrefs", "--id", str(ids[-1]), "--max-depth", str(len(ids) - 1), "--filter",
                                           "id in (%s)" % ", ".join(map(str, ids))]))


def write_python_reprs(folder):
    """The types whose repr() is Python code: of their objects, nobody outside can tell what it would say."""
    types, known = [object], set()
    while types:
        each = types.pop()
        if each not in known:
            known.add(each)
            types.extend(type.__subclasses__(each))
    write(folder, "python-reprs.txt", "\n".join(sorted(each.__name__ for each in known
                                                       if type(each.__repr__) is type(write_python_reprs))))


def common_types(folder, name, shortnames, limit):
    objects = gc.get_objects()
    out = io.StringIO()  # behind, for a list is in it
    objgraph.show_most_common_types(limit, objects, shortnames, out)
    del objects
    write(folder, name, out.getvalue())


def main():
    # Looking changes what is looked at: dicts of instances come to be, lists of the collector find their order. The
    # last time counts.
    for _ in range(4):
        gc.collect()
        draw_all(sys.argv[2])
    write_python_reprs(sys.argv[2])
    gc.collect()
    common_types(sys.argv[2], "types.txt", True, 10)
    common_types(sys.argv[2], "types-long.txt", False, 25)
    os.write(1, b"READY\n")
    os.read(0, 1)
    os._exit(0)


main()
