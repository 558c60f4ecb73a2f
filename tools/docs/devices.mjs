// docs/devices.md: what devices refuse, and the faults that they can show, from the table in packages/machine.
import { FAULT_KINDS } from '@dumpstack/machine'

const code = (value) => `\`${value}\``
/** A cell of a table ends at a bar. */
const cell = (text) => text.replaceAll('|', '\\|')

function faults() {
  const rows = Object.entries(FAULT_KINDS).map(([kind, { count, counted, summary }]) => {
    const often = count === Number.POSITIVE_INFINITY ? 'always' : String(count)
    return `| ${code(kind)} | ${counted === undefined ? often : `${often}, counts ${counted}`} | ${cell(summary)} |`
  })
  return [
    '## Faults',
    '',
    'A machine is given them by its fault plan, in the same words for each controller. Those with `afterWrites` show after so many good writes.',
    '',
    '| fault | how often, unless `count` says it | what the device does |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ]
}

const REFUSALS = `## What a device refuses

A limit that a device announces is enforced. What goes beyond it fails alone, and the evidence of the machine (\`refusals\`) has the limit, what was
found and what is allowed; a driver sees only the status.

| controller | limit | what happens to more |
| --- | --- | --- |
| all | \`capacity\` | ahci: IDNF; nvme: LBA Out of Range; virtio-blk: IOERR |
| nvme | \`MDTS\` | Invalid Field in Command |
| nvme | \`the doorbell\` (a queue that is not there, or a value past its entries) | an asynchronous event |
| nvme | \`CSTS.RDY\` (CC.EN set before the reset has ended) | CC.EN stays 0 |
| virtio-blk | \`seg_max\`, \`size_max\`, \`queue_size\` (descriptors of a chain) | IOERR; QEMU counts none of them, VIRTIO 1.2 (2.7.5.3.1, 5.2.4) forbids them to drivers |
| virtio-blk | \`device_status\` (a write before a reset has ended) | the write does nothing |
| ahci | \`command slots\` (CAP.NCS) | the bit of PxCI or PxSACT is not set |
| ahci | \`CAP.SNCQ\`, \`queue depth\` | ABRT |
| ahci | \`DBC unit\` (even), \`DBC maximum\` (4 MiB), \`CAP.S64A\` | PxIS.HBFS; an upper half of PxCLB or PxFB stays 0 |
| ahci | \`GHC.HR at its end\` (a write before a reset has ended) | the write does nothing |

A PRD table that is shorter than its command's data is PxIS.OFS, and a virtio queue that no driver may build stops its device until a reset, as do NVMe queues outside RAM, of which CSTS.CFS tells: they are
\`stops\` of the evidence. A PRD table that is longer than the data is good (AHCI 1.3.1, 5.4.1).
`

function devicesPage() {
  return [
    '# Devices',
    '',
    '<!-- Made by npm run docs from packages/machine. Do not edit. -->',
    '',
    'What the devices of the embedded machine refuse, and the faults that they can be told to show. What they can be set to is in [settings.md](settings.md).',
    '',
    REFUSALS,
    ...faults(),
  ].join('\n')
}

export const devicePages = () => [['docs/devices.md', devicesPage()]]
