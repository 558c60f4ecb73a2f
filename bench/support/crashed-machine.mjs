// A machine at the moment after KeBugCheckEx, its crash dump stack ready to write a full dump: with the TypeScript miniport of the
// controller, or with a compiled one. RAM holds the published fill, memory has holes, the page file four pieces.
import fs from 'node:fs'
import path from 'node:path'
import { createCpu } from '@dumpstack/cpu'
import { IcedDecoder } from '@dumpstack/cpu/node'
import { loadCrashDumpStack, openSysFile, startRuntimeStack } from '@dumpstack/drivers'
import { planDump } from '@dumpstack/dumpfile'
import { controllerNamed, createDisk, createMachine } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { bootWithDriver, CrashedSystem, ramRuns } from '@dumpstack/windows'
import { readGuestImages } from '@dumpstack/windows/node'

const MIB = 2 ** 20
export const PARTITION_OFFSET = MIB
/** A disk that drops what it is given. */
export const nullImage = (mib) => ({
  byteLength: 8 * mib * MIB,
  read() {},
  write() {},
  sync() {},
  close() {},
})

/** Four pieces, the later ones earlier on the disk. */
function pageFile(byteLength) {
  const piece = Math.ceil(byteLength / 4 / 4096) * 4096
  return [3, 1, 2, 0].map((place, index) => ({
    fileOffset: index * piece,
    partitionOffset: place * (piece + MIB),
    byteLength: piece,
  }))
}

const fileOf = (sysFile) => openSysFile(path.basename(sysFile), fs.readFileSync(sysFile))

/** The system volume, and the driver on it. */
const imagesWith = (sysFile) =>
  sysFile === undefined
    ? readGuestImages(win10_19041)
    : new Map([...readGuestImages(win10_19041), [path.basename(sysFile), fs.readFileSync(sysFile)]])

/**
 * `prepared` sees the page file before the crash; `driverCpu` may watch the processor that runs the driver.
 */
export function crashedMachine({ mib, kind, sysFile, image, prepared, observer, driverCpu = (cpu) => cpu }) {
  const ramBytes = mib * MIB
  const disk = createDisk({
    name: 'disk0',
    model: 'Bench',
    serialNumber: '1',
    logicalSectorBytes: 512,
    image,
  })
  const controller = {
    model: controllerNamed(kind),
    name: `${kind}0`,
    bdf: 0xfa,
    interruptVector: 11,
    attachments: [{ disk }],
  }
  const machine = createMachine({
    seed: 1,
    runs: ramRuns(ramBytes),
    cpuCount: 1,
    controllers: [controller],
  })
  const newCpu = () => createCpu(machine, new IcedDecoder())
  const cpu = driverCpu(newCpu(), machine)
  const { kernel, drivers } = bootWithDriver({
    machine,
    cpu: newCpu(),
    images: imagesWith(sysFile),
    epochMs: 0,
    profile: win10_19041,
    controller: controller.model,
    driver: sysFile === undefined ? null : { file: fileOf(sysFile), observer, cpu },
  })
  const runtime = startRuntimeStack({ machine, ...drivers, controller })
  const dumpStack = loadCrashDumpStack({ machine, ...drivers, profile: win10_19041, runtime })
  kernel.loadCrashDriver()
  const fileByteLength = ramBytes + 257 * MIB
  const extents = pageFile(fileByteLength)
  dumpStack.setPageFile(extents, PARTITION_OFFSET)
  prepared?.(extents)
  const crashed = new CrashedSystem({ machine, kernel, runtime, dumpStack })
  const plan = planDump({
    dumpType: 5,
    facts: kernel.dumpFacts(),
    promised: kernel.promised('full'),
    fileByteLength,
  })
  return { machine, cpu, crashed, plan }
}
