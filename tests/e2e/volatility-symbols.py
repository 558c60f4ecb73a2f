#!/usr/bin/env python3
"""Lets volatility3 judge a full dump by the types of the real Windows build 19041.

    volatility-symbols.py ISF SYMBOL_FOLDER

ISF is volatility3's symbol table of some real ntkrnlmp of build 19041 (.json or .json.xz): it brings the layouts of every
structure, and nobody of this project wrote it. The addresses of variables come from the exports of guest/bin/ntkrnlmp.exe.
The result lands where volatility3 looks for the symbols of that image:

    vol.py --offline -s SYMBOL_FOLDER -f MEMORY.DMP windows.info        (also pslist, threads, modules, unloadedmodules)

Needs python3-pefile, as volatility3 does.
"""
import json
import lzma
import pathlib
import sys
import uuid

import pefile


def main(isf, folder):
    kernel = pathlib.Path(__file__).resolve().parents[2] / "guest/bin/ntkrnlmp.exe"
    image = pefile.PE(str(kernel))
    with (lzma.open if isf.endswith(".xz") else open)(isf, "rt") as file:
        table = json.load(file)

    known = table["symbols"]
    table["symbols"] = {
        name: {**known.get(name, {}), "address": export.address}
        for export in image.DIRECTORY_ENTRY_EXPORT.symbols
        if export.name is not None
        for name in [export.name.decode()]
    }
    code_view = image.__data__.find(b"RSDS")
    guid = uuid.UUID(bytes_le=bytes(image.__data__[code_view + 4 : code_view + 20])).hex.upper()
    age = int.from_bytes(image.__data__[code_view + 20 : code_view + 24], "little")
    table["metadata"]["windows"]["pdb"].update(GUID=guid, age=age, database="ntkrnlmp.pdb")

    place = pathlib.Path(folder) / "windows/ntkrnlmp.pdb"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{guid}-{age}.json").write_text(json.dumps(table))
    print(place / f"{guid}-{age}.json")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
