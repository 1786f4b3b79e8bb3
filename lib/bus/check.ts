/** CRC-32 of items: zlib's (Node 20.15) is many times as fast as lib/wire's, where the items are worth its call. */
import zlib from 'node:zlib'
import { type Checksum, checksum } from '../wire/checksum.ts'

const NATIVE_FROM_BYTES = 96

export function checksumOfItem(bytes: Uint8Array): Checksum {
  if (bytes.length < NATIVE_FROM_BYTES || zlib.crc32 === undefined) return checksum(bytes)
  return { crc: zlib.crc32(bytes), size: bytes.length }
}
