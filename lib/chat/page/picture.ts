/**
 * What kind of picture some bytes are, by the bytes alone: what a file is called or said to be is its author's word.
 * Only kinds that hold nothing but pixels; so not SVG, which can hold scripts. Pure.
 */
import { SIDE_MAX } from '../events.ts'

export interface Picture {
  readonly type: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp'
  readonly width: number
  readonly height: number
}

/** Decoded, a pixel takes four bytes: a small file must not fill the memory of everybody in the room. */
const PIXELS_MAX = 50_000_000

/** null: none that is shown. */
export function pictureIn(bytes: Uint8Array): Picture | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let found: Picture | null
  try {
    found = png(view) ?? gif(view) ?? webp(view) ?? jpeg(view)
  } catch (error) {
    // It ends before its size is told.
    if (error instanceof RangeError) return null
    throw error
  }
  if (!found || found.width < 1 || found.height < 1) return null
  const { width, height } = found
  return width > SIDE_MAX || height > SIDE_MAX || width * height > PIXELS_MAX ? null : found
}

function png(view: DataView): Picture | null {
  if (view.getUint32(0) !== 0x89504e47 || view.getUint32(4) !== 0x0d0a1a0a) return null
  return { type: 'image/png', width: view.getUint32(16), height: view.getUint32(20) }
}

function gif(view: DataView): Picture | null {
  if (view.getUint32(0) !== 0x47494638) return null
  return { type: 'image/gif', width: view.getUint16(6, true), height: view.getUint16(8, true) }
}

const VP8 = 0x56503820
const VP8L = 0x5650384c
const VP8X = 0x56503858

function webp(view: DataView): Picture | null {
  if (view.getUint32(0) !== 0x52494646 || view.getUint32(8) !== 0x57454250) return null
  const type = 'image/webp'
  switch (view.getUint32(12)) {
    case VP8:
      return { type, width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff }
    case VP8L: {
      const bits = view.getUint32(21, true)
      return { type, width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
    }
    case VP8X:
      return {
        type,
        width: (view.getUint32(24, true) & 0xffffff) + 1,
        height: (view.getUint32(26, true) >>> 8) + 1,
      }
    default:
      return null
  }
}

/** Walks the segments up to the one that begins a frame. */
function jpeg(view: DataView): Picture | null {
  if (view.getUint16(0) !== 0xffd8) return null
  let at = 2
  for (;;) {
    if (view.getUint8(at) !== 0xff) return null
    const marker = view.getUint8(at + 1)
    if (marker === 0xff) at += 1
    else if (isFrame(marker))
      return { type: 'image/jpeg', width: view.getUint16(at + 7), height: view.getUint16(at + 5) }
    else at += 2 + view.getUint16(at + 2)
  }
}

/** C0 … CF begin a frame, but for tables (C4), the reserved C8, and arithmetic coding (CC). */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
}
