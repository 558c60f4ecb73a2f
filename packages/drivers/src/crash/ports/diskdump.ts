// diskdump, the SCSI and Storport dump port.
import type { Gva } from '@dumpstack/bytes'
import { ntSuccess } from '@dumpstack/nt'
import type { DumpPort, DumpPortImage, DumpPortImports } from '../../dump-port.ts'
import type { LoadedImage } from '../../kernel-services.ts'
import type { GuestBlock } from '../../miniport.ts'
import { DumpAdapter } from './dump-adapter.ts'
import { DumpContext } from './dump-context.ts'
import { DumpDisk } from './dump-disk.ts'
import { PolledSrb } from './polled-srb.ts'
import { PortMemory } from './port-memory.ts'
import { StorportExports } from './storport-exports.ts'

const SYMBOL_PREFIX = 'DiskDump'

export const diskdump: DumpPortImage = { load: (image) => new DiskDump(image) }

class DiskDump implements DumpPort {
  readonly #image: LoadedImage
  #adapter!: DumpAdapter
  #disk!: DumpDisk

  constructor(image: LoadedImage) {
    this.#image = image
  }

  get failure(): string {
    return this.#adapter.failure || this.#disk.failure
  }

  driverEntry(contextVa: Gva, imports: DumpPortImports): number {
    const { environment, kernel, profile } = imports
    const { ram } = environment.machine
    const context = new DumpContext(ram, kernel, this.#image, contextVa, profile)
    const memory = new PortMemory(ram, context, environment.guards)
    const adapter = new DumpAdapter(environment, memory, context, profile)
    const srb = new PolledSrb(environment, adapter, memory, context.place, profile)
    const disk = new DumpDisk(imports, adapter, srb, memory)
    this.#adapter = adapter
    this.#disk = disk
    const { windows } = context
    const status = adapter.start(
      new StorportExports(imports, { memory, windows, adapter, srb, list: disk.list }),
    )
    if (ntSuccess(status)) context.setRoutines(SYMBOL_PREFIX)
    return status
  }

  open(partitionOffset: number): boolean {
    return this.#disk.open(partitionOffset)
  }

  write(offset: number, mdl: GuestBlock): number {
    return this.#disk.write(offset, mdl)
  }

  probe(offset: number, mdl: GuestBlock): boolean {
    return this.#disk.probe(offset, mdl)
  }

  finish(): void {
    this.#disk.finish()
  }
}
