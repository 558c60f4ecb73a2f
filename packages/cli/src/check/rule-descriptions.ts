// What the rules say that a driver check finds broken, one sentence each: for reports whose reader has no table at hand. The rules in
// full, with what a driver gets for an answer, are in packages/drivers/README.md.

const RULES: Readonly<Record<string, string>> = {
  'DM-07': 'The IRQL stays at HIGH_LEVEL while the dump is written.',
  'DM-08': 'No kernel routine that needs PASSIVE_LEVEL is called in dump mode.',
  'DM-09': 'HwInitialize makes the disk ready by itself: passive initialisation never happens in dump mode.',
  'DM-11': 'The uncached extension has at most 32 KiB in dump mode, or is smaller than while the system ran.',
  'DM-12': 'The uncached extension is asked for in HwFindAdapter only.',
  'DM-14': 'No pool is allocated in dump mode.',
  'DM-16': 'No memory is freed in dump mode.',
  'DM-17': 'Dump memory is marked in DriverEntry or HwFindAdapter only.',
  'DM-18': 'No interrupts are let in while the dump is written: the port polls.',
  'DM-19': 'HwInterrupt completes what the controller has finished, whatever the interrupt status says.',
  'DM-21': 'No DPC and no work item: neither runs in dump mode.',
  'DM-22': 'No timer: none fires in dump mode.',
  'DM-23': 'Nothing waits for the system time, which stands still in dump mode.',
  'DM-25': 'No lock is taken in dump mode that lowers the IRQL to DISPATCH_LEVEL.',
  'DM-26': 'Each routine returns in time: there is one processor, and no watchdog.',
  'DM-29': 'No command of the dead instance moves data after HwInitialize.',
  'DM-30': 'Only the SRB of the dump port is completed.',
  'DM-34': "Registers that hold addresses are written whole: the rest of them is the dead instance's.",
  'DM-37': 'HwResetBus returns TRUE in dump mode and writes no register.',
  'DM-38': 'An SRB is completed once, and not as pending.',
  'DM-39': 'An SRB function that no header knows is refused as an invalid request.',
  'DM-42': "A write inside the disk and the driver's limits is not refused.",
  'DM-43': 'MaximumTransferLength and NumberOfPhysicalBreaks are both set, and agree.',
  'DM-46': 'AlignmentMask is 0, 1, 3 or 7.',
  'DM-47': 'SYNCHRONIZE CACHE and SHUTDOWN succeed, and the flush reaches the disk.',
  'device-stopped': 'The controller never has to stop: what the driver gave it was valid.',
  'no-dump': 'The dump is written to its end.',
  'wrong-data': 'What is on the disk is what was in RAM.',
  'stray-memory': 'The dump driver changes no memory but its own.',
}

/** Of a rule, a bugcheck or an error code. */
export const describeRule = (rule: string): string =>
  RULES[rule] ??
  (rule.startsWith('bugcheck-')
    ? 'The driver does not fault: a second bugcheck ends the dump.'
    : 'The driver is loaded, starts and runs the disk, with what is modelled of the system (docs/errors.md).')
