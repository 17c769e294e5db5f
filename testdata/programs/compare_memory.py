"""Holds `heapglass memory --format json` against what the process said of itself (memory_shapes.py).

usage: compare_memory.py ANSWER SAID

One line for each difference, then "compared ...".
"""
import json
import re
import sys


def said_by(text):
    """sys._debugmallocstats() under heapglass' names, and malloc's free bytes."""
    number = lambda pattern: int(re.search(pattern + r"\s*=?\s*([\d,]+)", text).group(1).replace(",", ""))
    sizes = [[int(word) for word in match] for match in
             re.findall(r"^ *\d+ +(\d+) +(\d+) +(\d+) +(\d+) *$", text, re.MULTILINE)]
    pools = re.search(r"# bytes lost to pool headers", text)
    assert pools, text
    return {
        "arenas": number(r"# arenas allocated current"),
        "used_bytes": number(r"# bytes in allocated blocks"),
        "available_bytes": number(r"# bytes in available blocks"),
        "unused_pool_bytes": number(r"unused pools \* \d+ bytes"),
        "pool_header_bytes": number(r"# bytes lost to pool headers"),
        "quantization_bytes": number(r"# bytes lost to quantization"),
        "alignment_bytes": number(r"# bytes lost to arena alignment"),
        "sizes": [dict(zip(("size", "pools", "used_blocks", "available_blocks"), row)) for row in sizes],
    }, int(re.search(r"mallinfo (\d+)", text).group(1))


def main():
    answer = json.load(open(sys.argv[1]))
    pymalloc, free = said_by(open(sys.argv[2]).read())
    for key, value in pymalloc.items():
        if answer["pymalloc"][key] != value:
            print("pymalloc", key, "told", answer["pymalloc"][key], "is", value)
    told = sum(arena["free_bytes"] for arena in answer["malloc_arenas"])
    if told != free:
        print("malloc free told", told, "is", free)
    if not all(arena["sure"] for arena in answer["malloc_arenas"]):
        print("unsure of", answer["malloc_arenas"])
    rows = sum(row["bytes"] for row in answer["rows"])
    if rows != answer["sum"]:
        print("rows add up to", rows, "sum told", answer["sum"])
    print("compared", len(pymalloc["sizes"]), "sizes of blocks,", len(answer["malloc_arenas"]), "arenas of malloc")


if __name__ == "__main__":
    main()
