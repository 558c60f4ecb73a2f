// What was touched and is not modelled: one line a register and direction, with a count.

export interface NotModelled {
  readonly device: string
  readonly register: string
  readonly access: 'read' | 'write'
  count: number
}

/** Random traffic touches millions of places: past this many lines the rest is counted together. */
const MAX_LINES = 1000
const MORE = 'others'

export class NotModelledLog {
  readonly entries: NotModelled[] = []
  readonly #index = new Map<string, NotModelled>()

  note(device: string, register: string, access: 'read' | 'write'): void {
    const known = this.#index.get(`${device} ${register} ${access}`)
    if (known !== undefined) known.count++
    else if (this.entries.length < MAX_LINES - 1 || register === MORE) {
      const entry: NotModelled = { device, register, access, count: 1 }
      this.entries.push(entry)
      this.#index.set(`${device} ${register} ${access}`, entry)
    } else this.note('machine', MORE, access)
  }
}
