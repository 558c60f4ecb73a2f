#!/usr/bin/env python3
"""Checks a run as a stranger would: nothing of Dumpstack's own code is used.

    stranger.py RUN_FOLDER [--dump MEMORY.DMP] [--every N]
    stranger.py MINI_RUN --full FULL_RUN [--dump MINI.dmp]

RUN_FOLDER was left by `dumpstack test --stop-after crash`: it holds extents.json and the disk image that it names.
1. Joins the extents, in file order, into the dump; with --dump, compares it byte for byte with that file.
2. Walks the bitmap of the dump (types 5 and 6) or the runs (type 1).
3. Recomputes the published fill for every N-th page that the run never wrote and compares (default: every page in 61).

With --full, RUN_FOLDER holds a mini dump (type 4) and FULL_RUN the full dump of the same options and seed: both systems are
alike up to the crash, so that every byte of the mini dump must stand in the full one, at its address by the full dump's own
page tables. Writing a dump changes a few pages of the dump drivers, none of which a mini dump holds.

The fill: 32-bit word j (0..1023) of page PFN is fmix32(seed + PFN*1024 + j), fmix32 being MurmurHash3's finaliser.
"""
import argparse
import json
import os
import struct
import sys

PAGE = 4096
MASK = 0xFFFFFFFF


def fmix32(h):
    h ^= h >> 16
    h = h * 0x85EBCA6B & MASK
    h ^= h >> 13
    h = h * 0xC2B2AE35 & MASK
    return h ^ h >> 16


def fill(seed, pfn):
    first = seed + pfn * 1024
    return struct.pack("<1024I", *[fmix32(first + j & MASK) for j in range(1024)])


class Joined:
    """The extents as one file."""

    def __init__(self, folder, facts):
        self.image = open(os.path.join(folder, facts["image"]), "rb")
        self.extents = sorted(facts["extents"], key=lambda extent: extent["fileOffset"])
        self.length = 0
        for extent in self.extents:
            if extent["fileOffset"] != self.length:
                sys.exit(f"extents leave a gap at file offset {self.length:#x}")
            self.length += extent["length"]

    def read(self, offset, length):
        parts = []
        for extent in self.extents:
            start = max(offset, extent["fileOffset"])
            end = min(offset + length, extent["fileOffset"] + extent["length"])
            if start < end:
                self.image.seek(extent["diskOffset"] + start - extent["fileOffset"])
                part = self.image.read(end - start)
                parts.append(part + bytes(end - start - len(part)))  # a sparse image may end early
        return b"".join(parts)


def pages_of(dump):
    """(pfn, file offset) of each page, in file order."""
    header = dump.read(0, 2 * PAGE)
    if header[:8] != b"PAGEDU64":
        sys.exit(f"no dump: starts with {header[:8]!r}")
    (kind,) = struct.unpack_from("<I", header, 0xF98)
    if kind == 1:
        (runs,) = struct.unpack_from("<I", header, 0x88)
        at = 2 * PAGE
        for index in range(runs):
            base, count = struct.unpack_from("<QQ", header, 0x98 + 16 * index)
            for page in range(base, base + count):
                yield page, at
                at += PAGE
        return
    first, _present, bits = struct.unpack_from("<QQQ", dump.read(2 * PAGE, 0x38), 0x20)
    bitmap = dump.read(2 * PAGE + 0x38, (bits + 7) // 8)
    at = first
    for page in range(bits):
        if bitmap[page >> 3] >> (page & 7) & 1:
            yield page, at
            at += PAGE


class Virtual:
    """Memory of a full dump through four levels of x64 page tables."""

    def __init__(self, dump):
        self.dump = dump
        self.offsets = dict(pages_of(dump))
        (self.cr3,) = struct.unpack("<Q", dump.read(0x10, 8))

    def entry(self, table, index):
        at = self.offsets[table // PAGE] + index * 8
        (entry,) = struct.unpack("<Q", self.dump.read(at, 8))
        if not entry & 1:
            sys.exit(f"entry {index:#x} of the table at {table:#x} is not present")
        return entry

    def read(self, address, length):
        parts = []
        while length > 0:
            table = self.cr3 & 0xFFFFFFFFFF000
            for shift in (39, 30, 21, 12):
                entry = self.entry(table, address >> shift & 0x1FF)
                table = entry & 0xFFFFFFFFFF000
                if shift in (30, 21) and entry & 0x80:
                    table += address & (1 << shift) - PAGE
                    break
            skip = address % PAGE
            part = min(PAGE - skip, length)
            parts.append(self.dump.read(self.offsets[table // PAGE] + skip, part))
            address += part
            length -= part
        return b"".join(parts)


def compare_mini(mini, full):
    u16 = lambda at: struct.unpack("<H", mini.read(at, 2))[0]
    u32 = lambda at: struct.unpack("<I", mini.read(at, 4))[0]
    u64 = lambda at: struct.unpack("<Q", mini.read(at, 8))[0]
    if mini.read(0, 8) != b"PAGEDU64" or u32(0xF98) != 4:
        sys.exit("no minidump")
    if mini.read(u32(0x2008), 4) != b"TRGD" or u32(0x2004) != u32(0x2008) + 4:
        sys.exit("no closing signature")
    kdbg, prcb, process, thread = u32(0x2070), u32(0x201C), u32(0x2020), u32(0x2024)
    thread_va = u64(prcb + u16(kdbg + 0x2B4))
    process_va = u64(thread + u16(kdbg + 0x2A0))
    table, count = u32(0x2078), u32(0x207C)
    rows = [struct.unpack("<QII", mini.read(table + 16 * i, 16)) for i in range(count)]
    # The header's processor is the one whose KPRCB, among the blocks, runs the same thread.
    prcb_va = next(va for va, at, size in rows if size == u16(kdbg + 0x2B0) and u64(at + 8) == thread_va)
    pools = [
        (u64(0x2048), u32(0x2028), u32(0x202C)),
        (u64(0x80), kdbg, u32(0x2074)),
        (prcb_va, prcb, u16(kdbg + 0x2B0)),
        (process_va, process, u16(kdbg + 0x2A8)),
        (thread_va, thread, u16(kdbg + 0x2C0)),
    ]
    memory = Virtual(full)
    total = 0
    for address, at, size in pools + rows:
        total += size
        if mini.read(at, size) != memory.read(address, size):
            sys.exit(f"{size} bytes at {address:#x}, file offset {at:#x}, are not those of the full dump")
    return {"bytes": mini.length, "blocks": count, "pools": len(pools), "memory": total}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder")
    arguments.add_argument("--dump")
    arguments.add_argument("--full")
    arguments.add_argument("--every", type=int, default=61)
    options = arguments.parse_args()
    with open(os.path.join(options.folder, "extents.json")) as file:
        facts = json.load(file)
    dump = Joined(options.folder, facts)

    if options.dump:
        if os.path.getsize(options.dump) != dump.length:
            sys.exit(f"{options.dump} has {os.path.getsize(options.dump)} bytes, the extents {dump.length}")
        with open(options.dump, "rb") as file:
            for offset in range(0, dump.length, 1 << 20):
                want = file.read(1 << 20)
                if dump.read(offset, len(want)) != want:
                    sys.exit(f"extents and {options.dump} differ in the MiB at {offset:#x}")

    if options.full:
        with open(os.path.join(options.full, "extents.json")) as file:
            print(json.dumps(compare_mini(dump, Joined(options.full, json.load(file)))))
        return

    used = set()
    for run in facts["used"]:
        used.update(range(run["basePage"], run["basePage"] + run["pageCount"]))
    pages = unused = compared = 0
    for page, at in pages_of(dump):
        pages += 1
        if page in used:
            continue
        unused += 1
        if unused % options.every == 0:
            compared += 1
            if dump.read(at, PAGE) != fill(facts["seed"], page):
                sys.exit(f"page {page:#x} at file offset {at:#x} is not the published fill")
    ram = sum(run["pageCount"] for run in facts["runs"])
    print(json.dumps({"bytes": dump.length, "pages": pages, "ramPages": ram, "unused": unused, "fillCompared": compared}))


main()
