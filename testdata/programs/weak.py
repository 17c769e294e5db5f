"""Objects with weak references to them: the first line is READY and, for each, its id and weakref.getweakrefcount."""
import sys
import weakref


class Plain:
    pass


class Slotted:
    __slots__ = ("a", "__weakref__")


class Items(list):
    pass


def function():
    pass


def main():
    instances = [Plain(), Slotted(), {1, 2}, frozenset((7, 8)), function, Plain, Items(), dict,
                 type("Made", (), {})()]
    kept = []
    for times, each in enumerate(instances):
        kept.extend(weakref.ref(each, lambda dead: None) for _ in range(times))
        kept.append(weakref.ref(each))
        kept.append(weakref.ref(each))  # the same again
        if times % 2:
            kept.append(weakref.proxy(each))
    dead = weakref.ref(Plain())
    counts = [(id(each), weakref.getweakrefcount(each)) for each in instances + [kept[0]]]
    print("READY", *("%d,%d" % row for row in counts), flush=True)
    sys.stdin.readline()
    return dead


if __name__ == "__main__":
    main()
