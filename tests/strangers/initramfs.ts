// The archive that a Linux kernel unpacks as its first file system (Documentation/driver-api/early-userspace/buffer-format.rst): cpio, newc.
const EXECUTABLE_FILE = 0o100755
const FOLDER = 0o40755

export type Entry = readonly [name: string, content: Uint8Array | 'folder']

export function initramfs(entries: readonly Entry[]): Buffer {
  const parts = [...entries, ['TRAILER!!!', Buffer.alloc(0)] as const].map(([name, content], index) => {
    const bytes = content === 'folder' ? Buffer.alloc(0) : content
    const mode = content === 'folder' ? FOLDER : EXECUTABLE_FILE
    // inode, mode, owner, group, links, time, size, device, device of a node, length of the name, checksum
    const fields = [index + 1, mode, 0, 0, 1, 0, bytes.byteLength, 0, 0, 0, 0, name.length + 1, 0]
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`
    return Buffer.concat([padded(Buffer.from(header)), padded(bytes)])
  })
  return Buffer.concat(parts)
}

const padded = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.byteLength & 3)])
