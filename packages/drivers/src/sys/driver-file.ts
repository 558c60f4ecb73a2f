// A .sys file from a stranger: what must be so before any of it is mapped. Windows answers STATUS_INVALID_IMAGE_FORMAT to the
// same files.
import { hex } from '@dumpstack/bytes'
import { ImageError, type PeImage, parsePe } from '@dumpstack/image'
import { DriversError } from '../errors.ts'
import { NotJudged } from '../guest-fault.ts'
import { isKernelModule } from './kernel-modules.ts'

// Our choice: the largest storage drivers have a few MiB.
export const MAX_SYS_FILE_BYTES = 0x200_0000
const IMAGE_SUBSYSTEM_NATIVE = 1
const IMAGE_FILE_RELOCS_STRIPPED = 0x0001

const STORPORT = 'storport.sys'
/** What a driver is that imports from the module, the most telling first. */
const OTHER_KINDS: ReadonlyMap<string, string> = new Map([
  ['scsiport.sys', 'a SCSI miniport'],
  ['ataport.sys', 'an ATA miniport'],
  ['pciidex.sys', 'a PCI IDE miniport'],
  ['ndis.sys', 'a network driver'],
  ['fltmgr.sys', 'a file system minifilter'],
  ['classpnp.sys', 'a class driver'],
  ['wdfldr.sys', 'a KMDF driver'],
  ['portcls.sys', 'an audio driver'],
  ['ks.sys', 'a streaming driver'],
  ['usbport.sys', 'a USB driver'],
  ['hidclass.sys', 'a HID driver'],
  ['videoprt.sys', 'a display driver'],
  ['dxgkrnl.sys', 'a display driver'],
])

/** A driver that can be mapped; `fileName` as it will be installed. */
export interface SysFile {
  readonly fileName: string
  readonly image: PeImage
}

/**
 * Throws ImageError for a file that is no image or is damaged, DriversError SYS_FILE for one that is no driver, NotJudged OTHER_MACHINE for one that is not for
 * x64 and OTHER_PORT for one that is no miniport of Storport.
 */
export function openSysFile(fileName: string, bytes: Uint8Array): SysFile {
  const refused = (what: string): DriversError =>
    new DriversError('SYS_FILE', `${fileName} cannot be loaded as a driver: ${what}`, { fileName })
  if (bytes.byteLength > MAX_SYS_FILE_BYTES) {
    throw refused(`it has more than ${hex(MAX_SYS_FILE_BYTES)} bytes`) // callers stop reading there
  }
  const image = parseNamed(fileName, bytes)
  if (image.sizeOfImage > MAX_SYS_FILE_BYTES) {
    throw refused(`SizeOfImage is ${hex(image.sizeOfImage)}, expected at most ${hex(MAX_SYS_FILE_BYTES)}`)
  }
  if (image.subsystem !== IMAGE_SUBSYSTEM_NATIVE) {
    throw refused(`its subsystem is ${image.subsystem}, expected ${IMAGE_SUBSYSTEM_NATIVE} (native)`)
  }
  if (image.entryPointRva === 0 || image.entryPointRva >= image.sizeOfImage) {
    throw refused(`its entry point is at rva ${hex(image.entryPointRva)}, expected one inside the image`)
  }
  if ((image.characteristics & IMAGE_FILE_RELOCS_STRIPPED) !== 0) {
    throw refused('its relocations are stripped, and its preferred base is never free')
  }
  const stranger = image.imports.find(({ dll }) => !isKernelModule(dll))
  if (stranger !== undefined) {
    throw refused(`it imports ${stranger.dll}, expected modules that Windows has for drivers`)
  }
  const dlls = image.imports.map(({ dll }) => dll.toLowerCase())
  if (!dlls.includes(STORPORT)) {
    const [module, kind] = Array.from(OTHER_KINDS).find(([dll]) => dlls.includes(dll)) ?? [
      dlls.join(', ') || 'nothing',
      'a driver without a port',
    ]
    const what = `${fileName} imports ${module}: it is ${kind}, expected a miniport of ${STORPORT}`
    throw new NotJudged('OTHER_PORT', what, { fileName, port: module })
  }
  return { fileName, image }
}

/** What is wrong with the image, with the file's name. */
function parseNamed(fileName: string, bytes: Uint8Array): PeImage {
  try {
    return parsePe(bytes)
  } catch (error) {
    if (!(error instanceof ImageError)) throw error
    if (error.code === 'IMAGE_OTHER_MACHINE')
      throw new NotJudged('OTHER_MACHINE', `${fileName}: ${error.message}`, error.fields)
    throw new ImageError(error.code, `${fileName}: ${error.message}`, error.fields, { cause: error })
  }
}
