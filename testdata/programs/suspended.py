"""Generators, coroutines and asynchronous generators, stopped at every kind of place."""
import sys
import types

import truth

keep = {}


def counting(n):
    held = [n]
    for i in range(n):
        got = yield [i, held]
        if got:
            held.append(got)


def delegating(n):
    yield from counting(n)


def deep(n):
    if n:
        yield from deep(n - 1)
    else:
        yield [n]


def in_finally():
    try:
        yield [1]
    finally:
        local = [2]
        yield local


def in_except():
    try:
        raise KeyError("the reason", [1])
    except KeyError as reason:
        local = [reason]
        yield local


def in_with(path):
    with open(path) as opened:
        for line in opened:
            yield line


def on_the_stack(n):
    """Suspended with half of an expression evaluated."""
    return_value = [[n], (yield [1]), {"x": (yield [2])}, "%s%s" % ((yield 3), (yield 4))]
    return return_value


def in_nested_loops():
    for a in ([1], [2]):
        for b in {"x": [3], "y": [4]}.items():
            for c in zip([a], [b], map(str, [1, 2])):
                yield [a, b, c]


def with_cells(n):
    seen = [n]

    def inner():
        seen.append(n)
        return seen
    unset = 1
    del unset
    yield inner
    yield unset


@types.coroutine
def pause(value):
    got = yield value
    return got


async def waiting(value):
    local = [value]
    result = await pause(local)
    return [result]


async def awaiting(n):
    return await (awaiting(n - 1) if n else waiting("bottom"))


async def asynchronous(n):
    for i in range(n):
        await pause([i])
        yield [i]


class Manager(object):
    async def __aenter__(self):
        return await pause([self])

    async def __aexit__(self, *why):
        await pause([why])


async def in_async_with():
    async with Manager() as got:
        await pause([got])


async def in_async_for():
    async for each in asynchronous(3):
        await pause([each])


async def comprehending():
    return [each async for each in asynchronous(3)]


class Awaitable(object):
    def __await__(self):
        yield [self]


async def awaiting_object():
    await Awaitable()


def advance(it, times=1):
    for _ in range(times):
        it.send(None)
    return it


def generators():
    made = [counting(5), advance(counting(5)), advance(counting(5), 3), advance(delegating(3)), advance(deep(60)), advance(in_finally()),
            advance(in_finally(), 2), advance(in_except()), advance(in_with(__file__), 2), advance(in_nested_loops(), 2),
            advance(with_cells(1)), (x for x in [[1], [2]]), (lambda: (yield))()]
    for n in range(4):
        made.append(advance(on_the_stack(n), n + 1))
    comprehension = ([x, y] for x in [[1]] for y in [[2], [3]])
    next(comprehension)
    done, failed, closed = counting(0), in_finally(), advance(counting(5))
    list(done)
    closed.close()
    try:
        failed.throw(ValueError("before it began"))
    except ValueError:
        pass
    return made + [comprehension, done, failed, closed]


def generators_with_frames():
    """Whose frame objects somebody holds: from then on there is one more object between."""
    made = [advance(counting(5)), advance(delegating(2)), counting(2), advance(with_cells(2))]
    return made, [each.gi_frame for each in made], [each.gi_code for each in made]


def coroutines():
    made = [waiting(1), advance(waiting(2)), advance(awaiting(20)), advance(in_async_with()), advance(in_async_with(), 2), advance(in_async_for()),
            advance(in_async_for(), 2), advance(comprehending()), advance(comprehending(), 3), advance(awaiting_object()), waiting(3).__await__()]
    started = waiting(4).__await__()
    advance(started)
    finished = waiting(5)
    advance(finished)
    try:
        finished.send("result")
    except StopIteration as stop:
        made.append(stop)
    return made + [started, finished, advance(waiting(6)).cr_frame]


def asynchronous_generators():
    fresh, begun, asked = asynchronous(3), asynchronous(3), asynchronous(3)
    step = begun.__anext__()
    advance(step)
    sending, throwing, closing = asked.asend(None), asynchronous(2).athrow(ValueError), asynchronous(1).aclose()
    advance(sending)
    return [fresh, begun, step, asked, sending, throwing, closing, fresh.__aiter__()]


for build in (generators, generators_with_frames, coroutines, asynchronous_generators):
    keep[build.__name__] = build()
if sys.version_info >= (3, 10):
    keep["anext"] = [anext(asynchronous(1), [1])]  # noqa: F821

truth.hold()
