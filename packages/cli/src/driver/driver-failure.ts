// A run with a driver file that came to no dump. Without imports of the drivers: every command tells failures apart by it.
import { DumpstackError } from '@dumpstack/bytes'

/** The test could not run with the driver: `fail` where the driver is at fault, else `inconclusive`. `hasRun` says whether its code ran. */
export class DriverFailure extends DumpstackError {
  readonly verdict: 'fail' | 'inconclusive'
  readonly hasRun: boolean

  constructor(cause: DumpstackError, verdict: 'fail' | 'inconclusive', hasRun: boolean) {
    super(cause.code, cause.message, cause.fields, { cause })
    this.verdict = verdict
    this.hasRun = hasRun
  }
}
