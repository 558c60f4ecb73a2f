// Options that contradict each other or cannot be: one line, exit code 2.
export class UsageError extends Error {}
