"""A function that is composed with another one for each rule: a partial that has the one before."""
import functools


def compose(first, second, value):
    return second(first(value))


class Rules:
    apply = functools.partial(abs)


def leak(i):
    rule = {"number": i, "names": ["name %d of rule %d" % (name, i) for name in range(5)]}
    Rules.apply = functools.partial(compose, Rules.apply, rule.get)


if __name__ == "__main__":
    import leaking
    leaking.run(leak, 1500)
