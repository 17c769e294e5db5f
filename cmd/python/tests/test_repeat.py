"""What is suspected of a comparison, without a process."""
from heapglass._repeat import LARGE, NATIVE, Limits, _suspects


def names(native, resident):
    return [each.name for each in _suspects([], native, resident, 10, Limits())]


def test_a_large_block_for_each_call_is_suspected_beside_what_the_arenas_gave_out():
    assert names(0, 6_000_000) == [LARGE]
    assert names(300, 6_000_000) == [NATIVE, LARGE]


def test_what_the_arenas_gave_out_is_no_large_block():
    assert names(6_000_000, 6_100_000) == [NATIVE]
    assert names(100, 100_000) == []
