#!/usr/bin/env python3
"""Reads a snapshot file without heapglass, from what lib/snapshot/FORMAT.md says alone.

usage: read_snapshot.py histogram FILE          a line for each type: objects, bytes, name
       read_snapshot.py search FILE SECRETS     looks for what testdata/programs/hidden_values.py has told; a line for each found
       read_snapshot.py check FILE              decodes every block of every section
"""
import collections
import ctypes
import ctypes.util
import struct
import sys
import zlib

zstd = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
zstd.ZSTD_decompress.restype = zstd.ZSTD_findFrameCompressedSize.restype = ctypes.c_size_t
zstd.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]


def decompressed(stored, size):
    out = ctypes.create_string_buffer(size or 1)
    n = zstd.ZSTD_decompress(out, size, stored, len(stored))
    if n != size:
        raise ValueError("a block is damaged")
    return out.raw[:size]


def unzigzag(z):
    return (z >> 1) ^ -(z & 1)


Section = collections.namedtuple("Section", "width transform rows in_block blocks")


class Snapshot(object):
    LETTER = {1: "B", 2: "H", 4: "I", 8: "Q"}

    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = file.read()
        if self.bytes[:8] != b"\x89HGS\r\n\x1a\n" or self.bytes[-4:] != b"HGSE":
            raise ValueError("no snapshot, or a cut one")
        major, minor, zero = struct.unpack_from("<HHI", self.bytes, 8)
        if major != 1:
            raise ValueError("format %d" % major)
        at, stored, size, crc = struct.unpack_from("<QQQI", self.bytes, len(self.bytes) - 32)
        if zlib.crc32(self.bytes[:16] + self.bytes[-32:-8]) != crc:
            raise ValueError("the trailer is damaged")
        self.sections = {}
        self.parse(decompressed(self.bytes[at:at + stored], size))

    def parse(self, table):
        count, = struct.unpack_from("<I", table, 0)
        at = 4
        for _ in range(count):
            length, = struct.unpack_from("<H", table, at)
            name = table[at + 2:at + 2 + length].decode()
            at += 2 + length
            width, transform, rows, in_block, blocks = struct.unpack_from("<BBQQI", table, at)
            at += 22
            places = [struct.unpack_from("<QI", table, at + 12 * i) for i in range(blocks)]
            at += 12 * blocks
            if width in self.LETTER and transform in (0, 1):
                self.sections[name] = Section(width, transform, rows, in_block, places)
        if at != len(table):
            raise ValueError("the table is longer than its sections")

    def blocks(self, name):
        """The decoded bytes of each block, numbers in little-endian order."""
        section = self.sections[name]
        left = section.rows
        for at, stored in section.blocks:
            n = min(left, section.in_block)
            left -= n
            planes = decompressed(self.bytes[at:at + stored], n * section.width)
            if section.width == 1 and not section.transform:
                yield planes
                continue
            out = bytearray(len(planes))
            for plane in range(section.width):
                out[plane::section.width] = planes[plane * n:(plane + 1) * n]
            if section.transform:
                numbers, before, most = [], 0, (1 << 8 * section.width) - 1
                for z in struct.unpack("<%d%s" % (n, self.LETTER[section.width]), out):
                    before = (before + unzigzag(z)) & most
                    numbers.append(before)
                out = struct.pack("<%d%s" % (n, self.LETTER[section.width]), *numbers)
            yield bytes(out)

    def column(self, name):
        letter = self.LETTER[self.sections[name].width]
        return [each for block in self.blocks(name) for each in struct.unpack("<%d%s" % (len(block) // struct.calcsize(letter), letter), block)]

    def texts(self, name):
        all, first, out = b"".join(self.blocks(name + ".bytes")), 0, []
        for end in self.column(name + ".end"):
            out.append(all[first:end].decode("utf-8", "surrogatepass"))
            first = end
        return out

    def memory_words(self):
        """Of a file without values: (address, word) for every word that was kept."""
        addresses = [each << 3 for each in self.column("objects.address")]
        types, coded, masks = self.column("objects.type"), self.column("memory.words"), self.column("memory.mask")
        starts = []
        pages = 0
        for start, size in zip(self.column("memory.segment.start"), self.column("memory.segment.size")):
            starts.append((pages, start))
            pages += (size + 4095) // 4096
        segment = taken = 0
        for kept, page in enumerate(self.column("memory.page")):
            while segment + 1 < len(starts) and starts[segment + 1][0] <= page:
                segment += 1
            base = starts[segment][1] + (page - starts[segment][0]) * 4096
            if kept % 512 == 0:
                last, turn, six = collections.defaultdict(int), 0, [0] * 6
                after = 0
                while after < len(addresses) and addresses[after] <= base:
                    after += 1
            for w in range(512):
                if not masks[8 * kept + w // 64] >> w % 64 & 1:
                    continue
                a = base + 8 * w
                while after < len(addresses) and addresses[after] <= a:
                    after += 1
                d = unzigzag(coded[taken])
                taken += 1
                if after < len(addresses) and addresses[after] - a <= 16:
                    place = types[after], 64 - (addresses[after] - a) // 8
                elif after and (a - addresses[after - 1]) // 8 < 62:
                    place = types[after - 1], (a - addresses[after - 1]) // 8
                else:
                    six[turn % 6] = word = (six[turn % 6] + d) % 2**64
                    turn += 1
                    yield a, word
                    continue
                last[place] = (last[place] + d) % 2**64
                yield a, last[place]
        if taken != len(coded):
            raise ValueError("there are words of no page")


def histogram(snapshot):
    names = snapshot.texts("types.name")
    count, size = collections.Counter(), collections.Counter()
    for type, bytes in zip(snapshot.column("objects.type"), snapshot.column("objects.size")):
        count[names[type]] += 1
        size[names[type]] += bytes
    for name in sorted(count):
        print(count[name], size[name], name)


def stale(snapshot):
    """Of texts: bytes beside the state and behind the end, left from who had the memory before."""
    offset = {}
    fields = zip(snapshot.column("structs.field.in"), snapshot.texts("structs.field.name"), snapshot.column("structs.field.offset"))
    structs, sizes = snapshot.texts("structs.name"), snapshot.column("structs.size")
    for struct_, field, at in fields:
        offset.setdefault((structs[struct_], field), at)
    head = sizes[structs.index("PyASCIIObject")]
    names = snapshot.texts("types.name")
    words, found = dict(snapshot.memory_words()), 0
    for type, at in zip(snapshot.column("objects.type"), snapshot.column("objects.address")):
        state = (at << 3) + offset["PyASCIIObject", "state"]
        if names[type] != "builtins.str" or state not in words:
            continue
        found += words[state] >> 32 != 0
        length = words.get((at << 3) + offset["PyASCIIObject", "length"], 0)
        last = words.get((at << 3) + head + length // 8 * 8, 0)
        # Compact and of ASCII alone: the third byte's lowest bits, or the first's highest, as versions have it.
        if words[state] & 0x60 == 0x60 and length % 8:
            found += last >> 8 * (length % 8) != 0
    return found


def pieces(form):
    """Of a text eight characters each, which nothing else has by chance."""
    size = max(8, len(form) // 5)
    return [form[i:i + size] for i in range(0, len(form) - size + 1, size)]


def beginnings(everything, wanted):
    """Which of these, eight bytes each, stand anywhere: to look for one after the other takes minutes."""
    numbers, found = {struct.unpack("<Q", each)[0] for each in wanted}, set()
    for first in range(8):
        for at in range(first, len(everything) - 7, 1 << 23):
            n = min(1 << 23, len(everything) - at) // 8
            found |= numbers.intersection(struct.unpack_from("<%dQ" % n, everything, at))
    return {struct.pack("<Q", each) for each in found}


def search(snapshot, secrets):
    """Eight bytes of one that stand somewhere are one too many; sixteen where the half of them are zeros."""
    words, pairs = set(), set()
    if "memory.words" in snapshot.sections:
        if stale(snapshot):
            print("bytes of nobody beside %d texts" % stale(snapshot))
        before = 0, 0
        for at, word in snapshot.memory_words():
            words.add(word)
            if at == before[0] + 8:
                pairs.add((before[1], word))
            before = at, word
    everything = b"\0".join(block for name in snapshot.sections for block in snapshot.blocks(name))
    with open(secrets) as lines:
        told = [line.rstrip("\n").split("\t") for line in lines]
    told = [(what, bytes.fromhex(form)) for what, forms in told for form in forms.split()]
    begin = beginnings(everything, {piece[:8] for _, form in told for piece in pieces(form)})
    for what, form in told:
        if len(form) >= 80:
            there = any(struct.unpack_from("<QQ", form, i) in pairs for i in range(len(form) - 15))
        else:
            there = any(struct.unpack_from("<Q", form, i)[0] in words for i in range(len(form) - 7))
        if there:
            print("a word of the", what)
        if any(piece[:8] in begin and piece in everything for piece in pieces(form)):
            print("bytes of the", what)


def check(snapshot):
    for name in snapshot.sections:
        for _ in snapshot.blocks(name):
            pass


if __name__ == "__main__":
    file = Snapshot(sys.argv[2])
    if sys.argv[1] == "histogram":
        histogram(file)
    elif sys.argv[1] == "search":
        search(file, sys.argv[3])
    else:
        check(file)
