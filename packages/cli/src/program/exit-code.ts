// Exit codes: a verdict is 0, 1 or 3; the rest says that there is none.
import type { Verdict } from '@dumpstack/crashtest'

/** What was asked about is not good, or not there. */
export const EXIT_NOT_GOOD = 1
export const EXIT_USAGE = 2
export const EXIT_INFRASTRUCTURE = 4
/** crashdumptest: the system under test crashed; the same command goes on. */
export const EXIT_CRASHED = 5
/** 128 + SIGINT. */
export const EXIT_INTERRUPTED = 130

export const exitCodeOf = (verdict: Verdict): number => ({ pass: 0, fail: 1, inconclusive: 3 })[verdict]

/** Called once, with what the process ends with. */
export type Exit = (code: number) => void

export const EXIT_CODES = `
Exit codes: 0 pass, 1 fail, 2 wrong use, 3 inconclusive,
            4 the host failed (folder, disk), 130 stopped by Ctrl-C`
