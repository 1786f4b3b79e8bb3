/** A small file, whole on the disk or as it was before, also behind a loss of power. */
import fs from 'node:fs'
import { dirname } from 'node:path'

export function writeThrough(path: string, data: string | Uint8Array): void {
  const fresh = `${path}.new`
  const fd = fs.openSync(fresh, 'w', 0o600)
  try {
    fs.writeFileSync(fd, data)
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
  fs.renameSync(fresh, path)
  const directory = fs.openSync(dirname(path), 'r')
  try {
    fs.fsyncSync(directory)
  } finally {
    fs.closeSync(directory)
  }
}
