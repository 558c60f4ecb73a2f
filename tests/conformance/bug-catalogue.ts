// Kinds of defect that storage drivers shipped, by the ids that this project gives them (guest/miniports/README.md has our builds of some).
// Each is tried with builds of ours and with patches of others, or it says what is missing so that it can be tried.

export interface KindOfBug {
  readonly id: string
  readonly what: string
  /** Of guest/miniports/bin, without `.sys`. */
  readonly builds: readonly string[]
  /** Of ../shared/data/mutants/bugs, without `.patch`. */
  readonly patches: readonly string[]
  /** What it would take to try it; null where it is tried. */
  readonly missing: string | null
}

const tried = (id: string, what: string, builds: string[], patches: string[] = []): KindOfBug => ({
  id,
  what,
  builds,
  patches,
  missing: null,
})
const untried = (id: string, what: string, missing: string): KindOfBug => ({
  id,
  what,
  builds: [],
  patches: [],
  missing,
})
const NO_BUILD = 'a build with this defect'

export const KINDS_OF_BUGS: readonly KindOfBug[] = [
  tried('B01', 'limits of a transfer are set in the branch of the running system only', ['dsvioblk-b01']),
  tried('B02', 'a transfer is a page longer than its segments allow', ['dsvioblk-b02'], ['p2-segments']),
  untried('B03', "the device's own limit is not applied in the branch of the dump", NO_BUILD),
  tried('B04', 'memory for the queues of all processors', ['dsvioblk-b04'], ['v09-per-cpu']),
  tried('B05', 'memory for rings longer than a dump needs', [], ['v01-budget70k-fallback']),
  tried('B06', 'structures of the running system are counted in', ['dsahci-b06'], ['a01-budget40k']),
  untried('B07', 'the buffer of the dump is too small for all namespaces', 'a controller with namespaces'),
  untried(
    'B08',
    'a very large uncached extension while the system runs',
    'the limit of the ports that refuse it',
  ),
  untried('B09', 'memory for the device is taken to be aligned', NO_BUILD),
  tried(
    'B10',
    'the interrupt status is polled, which stays 0 under MSI',
    ['dsvioblk-b10'],
    ['x12-irq-left-on'],
  ),
  untried('B11', 'the driver goes on as if MSI were on', NO_BUILD),
  tried('B12', 'a lock is taken in dump mode', ['dsvioblk-b12']),
  untried('B13', 'a lock is missing while the system runs', 'two processors in driver code at once'),
  tried('B14', 'the driver learns too late that it is a dump', ['dsahci-b14']),
  tried('B15', 'an address register is written in half', ['dsahci-b15'], ['v06-addr32']),
  untried('B16', 'an allocation is skipped, taken to be there already', NO_BUILD),
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
  untried('B25', 'memory runs out while the system runs', 'a life in which allocations fail'),
  tried('B26', 'sectors of 4096 bytes are taken for 512', ['dsvioblk-b26'], ['v05-4kn-sector']),
  untried('B27', 'a request beyond the end reaches the device', NO_BUILD),
  untried('B28', 'a sector number loses its upper half', NO_BUILD),
  untried('B29', 'resources kept for the crash run out', 'a device with such resources'),
  tried('B30', 'resources of one request are not given back', [], ['a07-busy-1000']),
  tried('B31', 'the wrong request is completed, or twice', [], ['v02-complete-twice']),
  untried('B32', 'Setup is taken for a dump', 'a life as Setup starts a driver'),
  untried('B33', 'hibernation breaks and the dump does not, or the other way round', 'hibernation'),
  untried('B34', 'a dump filter breaks the write', 'a filter as a file: check takes miniports'),
  untried('B35', 'the device sleeps when the system crashes', 'power states of devices'),
  untried('B36', 'the hypervisor acts before the dump is done', 'a hypervisor: it is no defect of a driver'),
  untried(
    'B37',
    'the page file is too small',
    'nothing: dumpstack test --scenario pagefile-too-small shows it',
  ),
  untried('B38', 'a slow dump is taken for a hang', NO_BUILD),
  untried('B39', 'memory in thousands of runs', 'a memory map of that kind in a life'),
  tried(
    'B40',
    'a rule of the port is kept in one life and not in the other',
    [],
    ['x08-no-control-list', 'x10-shutdown-noflush'],
  ),
]
