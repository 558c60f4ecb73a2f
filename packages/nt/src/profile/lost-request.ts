// What a dump port does about a request that does not end in its time: each version of Windows has its own way.

export interface LostRequest {
  /** It polls for so long beyond the time of the request before it asks for a bus reset. */
  readonly patienceSeconds: number
  /**
   * Where the miniport ends the request in that reset, it is sent again after these pauses: one stall, polls, one stall. Null: the port
   * gives up.
   */
  readonly resend: {
    readonly stallSeconds: number
    readonly pollSeconds: number
    readonly settleSeconds: number
  } | null
  /** It waits without an end for a request that the miniport keeps: a driver that ignores the reset stops the machine. */
  readonly waitsForKept: boolean
}

/** unverified: no port after that of 2003 has been watched. */
export const GIVES_UP: LostRequest = { patienceSeconds: 0, resend: null, waitsForKept: false }

/** The port of Windows Server 2003 and XP x64, as it was watched: 11 s for a request of 10, then 4 s, 1 s and 2 s. */
export const RESENDS_AFTER_RESET: LostRequest = {
  patienceSeconds: 1,
  resend: { stallSeconds: 4, pollSeconds: 1, settleSeconds: 2 },
  waitsForKept: true,
}
