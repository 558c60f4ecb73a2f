// A miniport whose tables are changed on their way to the port, or whose port is: for miniports that fault on purpose, and for tests that watch one.
import type { HwInitializationData, MiniportImage, PortExports } from './miniport.ts'

export interface Alteration {
  readonly port: PortExports
  /** Started with NULL arguments, as a dump port does. */
  readonly isDump: boolean
}

/** `alter` sees the tables that the miniport gives to `initialize` and answers those that the port gets. */
export const alteredMiniport = (
  image: MiniportImage,
  alter: (data: HwInitializationData, alteration: Alteration) => HwInitializationData,
): MiniportImage =>
  behindPort(image, (port, isDump) =>
    portWith(port, {
      initialize: (object, path, data) => port.initialize(object, path, alter(data, { port, isDump })),
    }),
  )

/** The miniport on a port that `between` makes of each that it is started on. */
export function behindPort(
  image: MiniportImage,
  between: (port: PortExports, isDump: boolean) => PortExports,
): MiniportImage {
  return {
    fileName: image.fileName,
    symbolPrefix: image.symbolPrefix,
    ...(image.code !== undefined && { code: image.code }),
    load: (loaded) => {
      const driverEntry = image.load(loaded)
      return (port, driverObject, registryPath) =>
        driverEntry(between(port, driverObject === null && registryPath === null), driverObject, registryPath)
    },
  }
}

/** The port's exports with some of them replaced. */
export function portWith(port: PortExports, replaced: Partial<PortExports>): PortExports {
  return new Proxy(port, {
    get(target, name) {
      const replacement: unknown = Reflect.get(replaced, name)
      if (replacement !== undefined) return replacement
      const routine: unknown = Reflect.get(target, name)
      return typeof routine === 'function' ? routine.bind(target) : routine
    },
  })
}
