// A path as one word of a command line that a report shows: to be pasted into the shell of the host that wrote it.

/** Double quotes mean the same in all shells, but for these inside them; `!` is an interactive shell's. */
const POSIX_SPECIAL = /["$`\\!]/

export function shellWord(text: string, platform: NodeJS.Platform = process.platform): string {
  if (platform === 'win32' || !POSIX_SPECIAL.test(text)) return `"${text}"` // no file name of Windows has a double quote
  return inSingleQuotes(text)
}

/** For a POSIX shell: nothing inside means anything to it. */
export const inSingleQuotes = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`
