// An option whose value is a path.
import { InvalidArgumentError } from 'commander'

export function parsePath(text: string): string {
  if (text === '') throw new InvalidArgumentError('Expected a path.')
  return text
}
