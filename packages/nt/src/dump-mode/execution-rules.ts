// Rules of how code runs in dump mode: one processor that polls, no interrupts, no deferred work, no clock.
import { BOOT_DRIVE, BUGCHECK_CALLBACK, NVMEWIN, type RuleText, sample, storport, virtioWin } from './rule.ts'

export const EXECUTION_RULES = {
  'DM-18': {
    title: 'No interrupts are let in or switched on while the dump is written: the port polls.',
    why: 'An interrupt would run a routine of the system that crashed. The dump port calls HwInterrupt itself after each HwStartIo.',
    howToFix: 'Remove `sti` and everything that restores a saved interrupt flag from the dump path.',
    answer:
      'violation; a warning where the controller is told to raise its line, a note where it may send messages or was left as it was',
    sources: [BUGCHECK_CALLBACK, NVMEWIN],
    example: {
      breaks: `_enable();
while (!Extension->IsComplete)
    ;`,
      keeps: `return TRUE; // the port polls HwInterrupt`,
    },
  },
  'DM-19': {
    title: 'HwInterrupt completes what the controller has finished, whatever the interrupt status says.',
    why: 'The dump port polls the line-based routine, also on a controller that the running system used with MSI. Its status bit then stays 0, and a routine that asks it first never completes a request.',
    howToFix: 'In dump mode ignore the interrupt status, and look at the queue or the command slots.',
    answer: 'the SRB times out after 10 s; a violation where the controller has reported the end',
    sources: [
      virtioWin('interrupt status in a dump', 'commit/c1b298cc'),
      virtioWin('interrupt status under MSI', 'commit/1191c475'),
    ],
    example: {
      breaks: `BOOLEAN HwInterrupt(PVOID Extension)
{
    if (ReadIsr(Extension) == 0)
        return FALSE;
    CompleteUsed(Extension);`,
      keeps: `BOOLEAN HwInterrupt(PVOID Extension)
{
    if (ReadIsr(Extension) == 0 && !IsDump)
        return FALSE;
    CompleteUsed(Extension);`,
    },
  },
  'DM-20': {
    title: 'HwInterrupt is safe when nothing is pending.',
    why: 'The dump port polls it again and again, from HwInitialize on. Its return value says nothing: the port waits for RequestComplete.',
    howToFix: 'Return without touching a request where none is in flight.',
    answer: 'one poll before the first SRB; second bugcheck 0xD1 where it faults',
    sources: [sample('lsi_u3'), NVMEWIN],
    example: {
      breaks: `PSCSI_REQUEST_BLOCK Srb = Extension->ActiveSrb;
Srb->SrbStatus = SRB_STATUS_SUCCESS;`,
      keeps: `PSCSI_REQUEST_BLOCK Srb = Extension->ActiveSrb;
if (Srb == NULL)
    return FALSE;
Srb->SrbStatus = SRB_STATUS_SUCCESS;`,
    },
  },
  'DM-21': {
    title: 'No DPC and no work item: neither runs in dump mode.',
    why: 'DPC queues and worker threads belong to the stopped system, so what is queued there never runs.',
    howToFix: 'Call the routine directly where you would queue it.',
    answer: 'violation; the call fails',
    sources: [BOOT_DRIVE, storport('StorPortInitializeDpc', 'nf-storport-storportinitializedpc')],
    example: {
      breaks: `StorPortIssueDpc(Extension, &Extension->CompletionDpc, NULL, NULL);`,
      keeps: `if (IsDump)
    CompleteUsed(Extension);
else
    StorPortIssueDpc(Extension, &Extension->CompletionDpc, NULL, NULL);`,
    },
  },
  'DM-22': {
    title: 'No timer: none fires in dump mode.',
    why: 'The clock interrupt is off.',
    howToFix: 'Replace each timed step by a loop of StorPortStallExecution with a bound.',
    answer: 'violation; the call fails',
    sources: [sample('storahci'), NVMEWIN],
    example: {
      breaks: `StorPortRequestTimer(Extension, Timer, LinkIsUp, NULL, 10000, 0);`,
      keeps: `for (ULONG Step = 0; Step < 100 && !LinkIsUp(Extension); Step++)
    StorPortStallExecution(10000);`,
    },
  },
  'DM-23': {
    title: 'Nothing waits for the system time, which stands still in dump mode.',
    why: 'StorPortQuerySystemTime returns the same value for ever, so a loop until some later time has no end.',
    howToFix: 'Count stalls instead. Asking for the time without waiting for it is harmless.',
    answer: 'violation after 100000 queries in one routine; the dump ends',
    sources: [BOOT_DRIVE],
    example: {
      breaks: `do
    StorPortQuerySystemTime(&Now);
while (Now.QuadPart < Deadline.QuadPart && !IsReady(Extension));`,
      keeps: `for (ULONG Step = 0; Step < 1000 && !IsReady(Extension); Step++)
    StorPortStallExecution(1000);`,
    },
  },
  'DM-25': {
    title: 'No lock is taken in dump mode that lowers the IRQL to DISPATCH_LEVEL.',
    why: 'StartIoLock, DpcLock and spin locks of the kernel run their holder at DISPATCH_LEVEL, below HIGH_LEVEL, and the crash may have left them taken. The lock of the interrupt is harmless.',
    howToFix: 'Take no locks in dump mode: one processor runs one request.',
    answer: 'violation; the lock is taken',
    sources: [virtioWin('locks in a dump', 'pull/1294'), BUGCHECK_CALLBACK],
    example: {
      breaks: `StorPortAcquireSpinLock(Extension, StartIoLock, NULL, &Handle);
CompleteUsed(Extension);
StorPortReleaseSpinLock(Extension, &Handle);`,
      keeps: `if (!IsDump)
    StorPortAcquireSpinLock(Extension, StartIoLock, NULL, &Handle);
CompleteUsed(Extension);
if (!IsDump)
    StorPortReleaseSpinLock(Extension, &Handle);`,
    },
  },
  'DM-26': {
    title: 'Each routine returns in time: there is one processor, and no watchdog.',
    why: 'A loop without a bound stops the machine with the dump half written.',
    howToFix: 'Bound each loop by a count, and fail the request or HwInitialize when it is used up.',
    answer:
      "violation after 60 s of the machine's time, or four million port calls and register accesses, in one routine; the dump ends",
    sources: [NVMEWIN],
    example: {
      breaks: `while ((ReadRegister(Extension, STATUS) & READY) == 0)
    ;`,
      keeps: `for (ULONG Step = 0; (ReadRegister(Extension, STATUS) & READY) == 0; Step++) {
    if (Step == 5000)
        return FALSE;
    StorPortStallExecution(1000);
}`,
    },
  },
} satisfies Record<string, RuleText>
