// What this room raises: an image that is damaged, or one of a kind that it does not read.
import { DumpstackError } from '@dumpstack/bytes'

export class ImageError extends DumpstackError {}
