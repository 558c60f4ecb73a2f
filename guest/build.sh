#!/usr/bin/env bash
# Builds the guest images into guest/bin, and our miniports into guest/miniports/bin, with Debian's clang-16, lld-16 and
# llvm-16: the same bytes from any folder.
# --check builds in a temporary folder and compares with what is committed.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for tool in clang-16 lld-link-16 llvm-dlltool-16; do
  command -v $tool >/dev/null || { echo "guest/build.sh: $tool is not installed (apt install clang-16 lld-16 llvm-16)" >&2; exit 2; }
done
case "${1:-}" in
  '' | --check) ;;
  *) echo "usage: guest/build.sh [--check]" >&2; exit 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Sources are compiled from a copy, by relative names, so that no folder of this machine gets into the PDB.
cp -r "$here/include" "$here/src" "$here/exports" "$here/miniports" "$work"
rm -rf "$work/miniports/bin"
cd "$work"
mkdir obj lib bin miniports/bin

compile() { # SOURCE OPTIONS: obj/NAME.obj
  local object=obj/${1//\//-}.obj
  # No sibling calls: a stack must show every caller. Control flow guard: every indirect call has a return address.
  clang-16 --target=x86_64-pc-windows-msvc -O1 -g -gcodeview -gno-codeview-command-line -ffreestanding \
    -fno-stack-protector -mno-sse -fasynchronous-unwind-tables -fno-optimize-sibling-calls \
    -Wall -Wextra -Werror -Iinclude "${@:2}" -fdebug-compilation-dir=. -c "$1" -o "$object"
  echo "$object"
}
# Functions and lines are all that a debugger can ask of a driver that only stands for one: its package carries no types.
synthetic() { # NAME: the object of src/stack/NAME.c
  compile "src/stack/$1.c" -gline-tables-only
}
link() { # OUTPUT ARGUMENTS
  lld-link-16 /nologo /subsystem:native /nodefaultlib /debug /pdb:"${1%.*}.pdb" /pdbaltpath:"${1%.*}.pdb" \
    '/pdbsourcepath:x:\dumpstack' /release /Brepro /base:0x140000000 /dynamicbase /opt:noref,noicf /out:"$1" "${@:2}"
  mv "$1" "${1%.*}.pdb" bin/
}
import_library() { # NAME: lib/NAME.lib from exports/NAME.def
  llvm-dlltool-16 -m i386:x86-64 -d "exports/$1.def" -l "lib/$1.lib"
}
# A miniport is built as a driver maker would: optimised, with SSE, and with a protection of its own.
miniport() { # NAME FILE BUG LINK_OPTIONS OPTIONS: miniports/bin/FILE.sys from miniports/NAME and miniports/common
  local objects=() source object
  for source in miniports/"$1"/*.c miniports/common/*.c; do
    object=obj/$1-$(basename "$source" .c).obj
    if grep -qE 'BUG |LEGACY_ONLY' "$source" || [ ! -e "$object" ]; then
      clang-16 --target=x86_64-pc-windows-msvc -g -gcodeview -gno-codeview-command-line -ffreestanding \
        -fasynchronous-unwind-tables -Wall -Wextra -Werror -DBUG="$3" -Iinclude -Iminiports/include -Iminiports/common \
        "${@:5}" -fno-vectorize -fno-slp-vectorize -fdebug-compilation-dir=. -c "$source" -o "$object"
    fi
    objects+=("$object")
  done
  # shellcheck disable=SC2086 # several options
  link "$2.sys" /driver $4 "${objects[@]}" lib/miniport-ntoskrnl.lib lib/miniport-storport.lib
  mv "bin/$2".* miniports/bin/
}
ahci() { # FILE BUG OPTIONS: control flow guard
  miniport dsahci "$1" "$2" "/entry:DriverEntry /guard:cf,nolongjmp" -O2 -fno-stack-protector -Xclang -cfguard -DGUARD_CF "${@:3}"
}
nvme() { # FILE BUG OPTIONS: security cookie
  miniport dsnvme "$1" "$2" /entry:GsDriverEntry -O2 -fstack-protector-strong -DSECURITY_COOKIE "${@:3}"
}
virtio_blk() { # FILE BUG OPTIONS: security cookie
  miniport dsvioblk "$1" "$2" /entry:GsDriverEntry -O1 -fstack-protector-strong -DSECURITY_COOKIE "${@:3}"
}

import_library ntoskrnl

objects=()
# A debugger takes the structures of Windows from the kernel's symbols: they stay there, used or not.
for source in src/ntkrnlmp/*.c; do
  objects+=("$(compile "$source" -Xclang -cfguard -fno-eliminate-unused-debug-types)")
done
# Assembly has no CodeView: -g would leave DWARF sections in the image.
objects+=("$(compile src/ntkrnlmp/trap.S -g0 -Wno-unused-command-line-argument)")
link ntkrnlmp.exe /entry:KiSystemStartup /def:exports/ntoskrnl.def /fixed:no "${objects[@]}"

link hal.dll /dll /entry:DriverEntry /def:exports/hal.def "$(compile src/hal.c)"
link ntdll.dll /dll /entry:DllMain /def:exports/ntdll.def "$(compile src/ntdll.c)"
link crashtst.sys /driver /entry:DriverEntry /def:exports/crashtst.def "$(compile src/crashtst.c)" lib/ntoskrnl.lib

link storport.sys /driver /entry:DriverEntry /implib:lib/storport.lib "$(synthetic storport)" lib/ntoskrnl.lib
for driver in crashdmp diskdump dumpstorport dumpfve disk; do
  link $driver.sys /driver /entry:DriverEntry "$(synthetic $driver)" lib/ntoskrnl.lib
done
for driver in storahci stornvme viostor; do
  link $driver.sys /driver /entry:DriverEntry "$(synthetic $driver)" lib/ntoskrnl.lib lib/storport.lib
done
rm -f bin/*.lib

for library in ntoskrnl storport; do
  llvm-dlltool-16 -m i386:x86-64 -d miniports/exports/$library.def -l lib/miniport-$library.lib
done
# As developers run them first: not optimised, each access and sum checked. Five times the code, and all of it is executed.
checked=(-O0 -fsanitize=undefined,local-bounds -fsanitize-trap=all)
ahci dsahci-checked 0 "${checked[@]}"
virtio_blk dsvioblk-checked 0 "${checked[@]}"
rm obj/dsahci-* obj/dsvioblk-*
ahci dsahci 0
nvme dsnvme 0
virtio_blk dsvioblk 0
virtio_blk dsvioblk-legacy 0 -DLEGACY_ONLY
# One build for each defect: guest/miniports/README.md says what they are.
for bug in 06 14 15 20 23; do ahci dsahci-b$bug $((10#$bug)); done
for bug in 01 02 04 10 12 17 22 26; do virtio_blk dsvioblk-b$bug $((10#$bug)); done

if [ "${1:-}" = --check ]; then
  status=0
  for built in bin/* miniports/bin/*; do
    cmp "$built" "$here/$built" || status=1
  done
  for committed in "$here"/{bin,miniports/bin}/*.{exe,dll,sys,pdb}; do
    [ -e "${committed#"$here/"}" ] || [ ! -e "$committed" ] || { echo "$committed is built from nothing" >&2; status=1; }
  done
  [ $status = 0 ] && echo "guest/bin is what guest/build.sh builds ($(ls bin miniports/bin | grep -c '\.') files)"
  exit $status
fi
mkdir -p "$here/bin" "$here/miniports/bin"
install -m 644 bin/* "$here/bin/"
install -m 644 miniports/bin/* "$here/miniports/bin/"
(cd "$here" && ls -l bin miniports/bin)
