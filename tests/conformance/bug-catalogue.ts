// Kinds of defect that storage drivers shipped, by the ids that this project gives them. Each is tried with drivers of ours and with patches
// from outside the project, or it says what is missing so that it can be tried.

export interface KindOfBug {
  readonly id: string
  readonly what: string
  /** Of guest/miniports: a build in bin, or a patch in defects. */
  readonly own: readonly string[]
  /** Of ../shared/data/mutants/bugs, without `.patch`. */
  readonly others: readonly string[]
  /** What it would take to try it; null where it is tried. */
  readonly missing: string | null
}

const tried = (id: string, what: string, own: string[], others: string[] = []): KindOfBug => ({
  id,
  what,
  own,
  others,
  missing: null,
})
const untried = (id: string, what: string, missing: string): KindOfBug => ({
  id,
  what,
  own: [],
  others: [],
  missing,
})

export const KINDS_OF_BUGS: readonly KindOfBug[] = [
  tried('B01', 'limits of a transfer are set in the branch of the running system only', ['dsvioblk-b01']),
  tried('B02', 'a transfer is a page longer than its segments allow', ['dsvioblk-b02'], ['p2-segments']),
  tried('B03', "the device's own limit is not applied in the branch of the dump", ['dsvioblk-b03']),
  tried('B04', 'memory for the queues of all processors', ['dsvioblk-b04'], ['v09-per-cpu']),
  tried('B05', 'memory for rings longer than a dump needs', [], ['v01-budget70k-fallback']),
  tried('B06', 'structures of the running system are counted in', ['dsahci-b06'], ['a01-budget40k']),
  tried('B07', 'the buffer of the dump is a constant, too small for what may be configured', [
    'dsvioblk-b07',
  ]),
  untried(
    'B08',
    'a very large uncached extension while the system runs',
    'a dump port that refuses it: only old ones are said to',
  ),
  tried('B09', 'memory for the device is taken to be aligned', ['dsahci-b09']),
  tried(
    'B10',
    'the interrupt status is polled, which stays 0 under MSI',
    ['dsvioblk-b10'],
    ['x12-irq-left-on'],
  ),
  tried('B11', 'the driver goes on as if MSI were on', ['dsahci-b11']),
  tried('B12', 'a lock is taken in dump mode', ['dsvioblk-b12']),
  untried('B13', 'a lock is missing while the system runs', 'two processors in driver code at once'),
  tried('B14', 'the driver learns too late that it is a dump', ['dsahci-b14']),
  tried('B15', 'an address register is written in half', ['dsahci-b15'], ['v06-addr32']),
  tried('B16', 'an allocation is skipped, taken to be there already', ['dsvioblk-b16']),
  tried('B17', 'memory of the dump is taken to be zero', ['dsvioblk-b17']),
  tried('B18', 'the device is not reset, and still runs for the dead instance', [], ['v03-no-reset']),
  tried('B19', 'a reset in dump mode disturbs the dump', [], ['a12-reset-in-dump']),
  tried('B20', 'a wait for the time, which stands still', ['dsahci-b20'], ['v08-kedelay']),
  tried('B21', 'a wait is too short for a slow device', [], ['a05-reset-100us', 'x13-late-ready']),
  tried('B22', 'work is left to a DPC or a work item', ['dsvioblk-b22'], ['x02-workitem']),
  tried('B23', 'a routine for a lower IRQL is called', ['dsahci-b23'], ['x01-kewait', 'a03-pool-nocheck']),
  untried(
    'B24',
    'the dump port calls a virtual miniport wrongly',
    'a genuine dump port: it is no defect of a miniport',
  ),
  tried('B25', 'memory runs out while the system runs', ['dsvioblk-b25']),
  tried('B26', 'sectors of 4096 bytes are taken for 512', ['dsvioblk-b26'], ['v05-4kn-sector']),
  tried('B27', 'a request beyond the end reaches the device', ['dsvioblk-b27']),
  tried('B28', 'a sector number loses its upper half', ['dsahci-b28']),
  tried('B29', 'resources set aside for the crash run out', ['dsvioblk-b29'], ['a07-busy-1000']),
  tried('B30', 'which queue a processor has is forgotten by the reset', ['dsvioblk-b30']),
  tried('B31', 'the wrong request is completed, or twice', [], ['v02-complete-twice']),
  tried('B32', 'a start of the system is taken for a dump', ['dsvioblk-b32']),
  tried('B33', 'sleep breaks and the dump does not', ['dsvioblk-b33']),
  untried('B34', 'a dump filter breaks the write', 'a filter as a file: check takes miniports'),
  tried('B35', 'the device is not there when the system crashes', ['dsahci-b35']),
  untried('B36', 'the hypervisor acts before the dump is done', 'a hypervisor: it is no defect of a driver'),
  untried(
    'B37',
    'the page file is too small',
    'a system, no driver: dumpstack test --scenario pagefile-too-small shows it',
  ),
  tried('B38', 'a dump so slow that it is taken for a hang', ['dsvioblk-b38']),
  tried('B39', 'memory in so many runs that each page is a piece of its own', ['dsvioblk-b39']),
  tried(
    'B40',
    'a rule of the port is kept in one life and not in the other',
    [],
    ['x08-no-control-list', 'x10-shutdown-noflush'],
  ),
]
