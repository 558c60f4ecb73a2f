// With as little space a server keeps MEMORY.DMP, and so does a member of a domain, and a client that is told to.
import { LITTLE_SPACE_BYTES, type Scenario } from './scenario.ts'

export const dumpKept: Scenario = {
  name: 'dump-kept',
  summary: '22 GB free: server, domain or AlwaysKeepMemoryDump',
  variants: [
    { name: 'server', conditions: { freeBytesOnC: LITTLE_SPACE_BYTES, productType: 'Server' } },
    { name: 'domain-member', conditions: { freeBytesOnC: LITTLE_SPACE_BYTES, isDomainMember: true } },
    { name: 'always-keep', conditions: { freeBytesOnC: LITTLE_SPACE_BYTES, alwaysKeepMemoryDump: true } },
  ],
  expected: 'pass',
  expectedMessages: () => ['Event 1001 BugCheck (Microsoft-Windows-WER-SystemErrorReporting): '],
}
