// A miniport whose tables are changed on their way to the port: for miniports that fault on purpose.
import type { HwInitializationData, MiniportImage, PortExports } from './miniport.ts'

export interface Alteration {
  readonly port: PortExports
  /** Started with NULL arguments, as a dump port does. */
  readonly isDump: boolean
}

/** `alter` sees the tables that the miniport gives to `initialize` and answers those that the port gets. */
export function alteredMiniport(
  image: MiniportImage,
  alter: (data: HwInitializationData, alteration: Alteration) => HwInitializationData,
): MiniportImage {
  return {
    fileName: image.fileName,
    symbolPrefix: image.symbolPrefix,
    load: () => {
      const driverEntry = image.load()
      return (port, driverObject, registryPath) => {
        const isDump = driverObject === null && registryPath === null
        const between = new Proxy(port, {
          get(target, name) {
            if (name === 'initialize') {
              return (...[object, path, data]: Parameters<PortExports['initialize']>): number =>
                port.initialize(object, path, alter(data, { port, isDump }))
            }
            const value: unknown = Reflect.get(target, name)
            return typeof value === 'function' ? value.bind(target) : value
          },
        })
        return driverEntry(between, driverObject, registryPath)
      }
    },
  }
}
