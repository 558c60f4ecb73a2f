// What one parameter of a bugcheck is: a kind, which says how to decode the number, and its meaning in words.

/** How a debugger reads the number. Kinds that are addresses of an object name its C type in the comment. */
export type ParameterKind =
  | 'reserved' // holds nothing that is documented
  | 'number' // shown in hexadecimal as it is
  | 'count' // shown in decimal
  | 'bytes' // a length
  | 'time' // ticks, milliseconds: the text names the unit
  | 'code' // an enumeration: `values` has the words
  | 'access' // read, write or execute: `values` has this bugcheck's encoding
  | 'irql'
  | 'ntstatus' // 32 bits, sign-extended in a 64-bit parameter
  | 'poolTag' // four characters
  | 'poolType'
  | 'address' // of memory that was referenced, or of bytes without a type that is public
  | 'instruction' // the code at fault
  | 'routine' // code that is named, but is not necessarily at fault
  | 'moduleAddress' // somewhere in the driver that it names
  | 'physicalAddress'
  | 'pfn' // a page frame number
  | 'pte' // the address of a page-table entry
  | 'pteContents'
  | 'exceptionRecord' // EXCEPTION_RECORD
  | 'context' // CONTEXT
  | 'trapFrame' // KTRAP_FRAME
  | 'prcb' // KPRCB
  | 'processor' // a processor's number
  | 'process' // EPROCESS
  | 'thread' // ETHREAD
  | 'processOrThread'
  | 'driverObject' // DRIVER_OBJECT
  | 'deviceObject' // DEVICE_OBJECT
  | 'fileObject' // FILE_OBJECT
  | 'irp' // IRP
  | 'mdl' // MDL
  | 'urb' // URB
  | 'object' // an object of another type, which the text names
  | 'unicodeString' // UNICODE_STRING
  | 'asciiString' // bytes up to a zero
  | 'wideString' // UTF-16 up to a zero
  | 'sourceLine' // file number in the high, line in the low 16 bits

export interface BugcheckParameter {
  readonly kind: ParameterKind
  /** A noun phrase: "the address that was referenced". */
  readonly text: string
  /** Words for the values of an enumeration. */
  readonly values?: Readonly<Record<number, string>>
}

export type BugcheckParameters = readonly [
  BugcheckParameter,
  BugcheckParameter,
  BugcheckParameter,
  BugcheckParameter,
]

/** What holds where the parameter that tells violations apart has one value. */
export interface BugcheckCase {
  /** A clause: "a page-table entry is corrupt". */
  readonly text: string
  readonly parameters: BugcheckParameters
}

export interface BugcheckMeaning {
  /** One sentence. */
  readonly text: string
  /** The parameters of a case that `cases` does not know. */
  readonly parameters: BugcheckParameters
  readonly cases?: Readonly<Record<number, BugcheckCase>>
  /** The key in `cases`; the first parameter where absent. */
  readonly caseOf?: (parameters: readonly bigint[]) => bigint
}

export type BugcheckMeanings = Readonly<Record<number, BugcheckMeaning>>

const parameterOf =
  (kind: ParameterKind) =>
  (text: string, values?: Readonly<Record<number, string>>): BugcheckParameter =>
    values === undefined ? { kind, text } : { kind, text, values }

export const number = parameterOf('number')
export const count = parameterOf('count')
export const bytes = parameterOf('bytes')
export const time = parameterOf('time')
export const code = parameterOf('code')
export const access = parameterOf('access')
export const irql = parameterOf('irql')
export const ntstatus = parameterOf('ntstatus')
export const poolTag = parameterOf('poolTag')
export const poolType = parameterOf('poolType')
export const address = parameterOf('address')
export const instruction = parameterOf('instruction')
export const routine = parameterOf('routine')
export const moduleAddress = parameterOf('moduleAddress')
export const physicalAddress = parameterOf('physicalAddress')
export const pfn = parameterOf('pfn')
export const pte = parameterOf('pte')
export const pteContents = parameterOf('pteContents')
export const exceptionRecord = parameterOf('exceptionRecord')
export const context = parameterOf('context')
export const trapFrame = parameterOf('trapFrame')
export const prcb = parameterOf('prcb')
export const processor = parameterOf('processor')
export const process = parameterOf('process')
export const thread = parameterOf('thread')
export const processOrThread = parameterOf('processOrThread')
export const driverObject = parameterOf('driverObject')
export const deviceObject = parameterOf('deviceObject')
export const fileObject = parameterOf('fileObject')
export const irp = parameterOf('irp')
export const mdl = parameterOf('mdl')
export const urb = parameterOf('urb')
export const object = parameterOf('object')
export const unicodeString = parameterOf('unicodeString')
export const asciiString = parameterOf('asciiString')
export const wideString = parameterOf('wideString')
export const sourceLine = parameterOf('sourceLine')

export const RESERVED: BugcheckParameter = { kind: 'reserved', text: 'reserved' }
export const ALL_RESERVED: BugcheckParameters = [RESERVED, RESERVED, RESERVED, RESERVED]

/** Makes the cases of a bugcheck whose first parameter tells them apart; what is left out is reserved or not documented. */
export const casesBy =
  (first: BugcheckParameter) =>
  (
    text: string,
    second: BugcheckParameter = RESERVED,
    third: BugcheckParameter = RESERVED,
    fourth: BugcheckParameter = RESERVED,
  ): BugcheckCase => ({ text, parameters: [first, second, third, fourth] })

/** The key of a case where it is an NTSTATUS: its 32 bits, which the parameter holds sign-extended. */
export const low32 = (value: bigint): bigint => value & 0xffff_ffffn
