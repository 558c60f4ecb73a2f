// Ctrl-C and SIGTERM on their way out of whatever runs: no error of a room, so that nothing takes it for a finding.

export class Interrupted extends Error {
  constructor(message = 'stopped by the user') {
    super(message)
    this.name = 'Interrupted'
  }
}
