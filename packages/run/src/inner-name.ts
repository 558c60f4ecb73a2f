// Names of what lies in a run folder, from the folder on. They may come from a file of the folder, and so from anywhere.
const MAX_NAME_LENGTH = 1024

/**
 * Whether a name stays in the folder: plain parts between forward slashes. A backslash separates parts on Windows, and a colon
 * names a drive or a stream of a file there.
 */
export function isInnerName(name: string): boolean {
  return (
    name.length <= MAX_NAME_LENGTH &&
    !/[\0\\:]/.test(name) &&
    name.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  )
}
