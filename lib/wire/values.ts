/**
 * What can be sent: JSON, with bytes (`Uint8Array`, `ArrayBuffer`) anywhere in it. Bytes arrive as `Uint8Array`.
 *
 * Without bytes a body is plain JSON text. With bytes it is
 * `u32 BE length of head | head | the bytes, one after another`, where head is JSON
 * `[body with null in place of bytes, [[path, byte length], …]]`. A path names each step, so no value that a
 * user sends can be mistaken for a placeholder.
 */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

type Path = (string | number)[]
type Cut = { path: Path; bytes: Uint8Array }

/** Nesting past this is refused on both sides: a walk over it must not exhaust the stack of either. */
const DEPTH_MAX = 200

function bytesOf(value: unknown): Uint8Array | null {
  if (value instanceof Uint8Array) return value
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  return null
}

/** As `JSON.stringify` takes it: a Date, or an object of a class, says itself what it is. */
function asJson(value: unknown, key: string | number): unknown {
  if (typeof value !== 'object' || value === null || bytesOf(value)) return value
  const { toJSON } = value as { toJSON?: unknown }
  return typeof toJSON === 'function' ? toJSON.call(value, String(key)) : value
}

/** Looks at all of it, also behind the first bytes: the peer refuses what is too deep anywhere. */
function holdsBytes(given: unknown, key: string | number = '', depth = 0): boolean {
  const value = asJson(given, key)
  if (typeof value !== 'object' || value === null) return false
  if (bytesOf(value)) return true
  if (depth > DEPTH_MAX) throw new RangeError('arguments are nested too deep')
  let found = false
  // An array's keys would be made first, as text.
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (holdsBytes(value[i], i, depth + 1)) found = true
    return found
  }
  for (const k in value) if (holdsBytes((value as Record<string, unknown>)[k], k, depth + 1)) found = true
  return found
}

function cutBytes(given: unknown, path: Path, cuts: Cut[]): unknown {
  const value = asJson(given, path.at(-1) ?? '')
  if (typeof value !== 'object' || value === null) return value
  const bytes = bytesOf(value)
  if (bytes) {
    cuts.push({ path, bytes })
    return null
  }
  if (Array.isArray(value)) return value.map((item, i) => cutBytes(item, [...path, i], cuts))
  const copy: Record<string, unknown> = Object.create(null)
  for (const key of Object.keys(value))
    copy[key] = cutBytes((value as Record<string, unknown>)[key], [...path, key], cuts)
  return copy
}

/**
 * @param type one ASCII character, first of the frame
 * @param body an array that `JSON.stringify` accepts; throws what it throws (cycles, BigInt)
 */
export function encodeBody(type: string, body: unknown[]): string | Uint8Array {
  if (!holdsBytes(body)) return type + JSON.stringify(body)
  const cuts: Cut[] = []
  const bare = cutBytes(body, [], cuts)
  const head = new TextEncoder().encode(JSON.stringify([bare, cuts.map((c) => [c.path, c.bytes.length])]))
  const size = cuts.reduce((sum, c) => sum + c.bytes.length, 5 + head.length)
  const frame = new Uint8Array(size)
  frame[0] = type.charCodeAt(0)
  new DataView(frame.buffer).setUint32(1, head.length)
  frame.set(head, 5)
  let at = 5 + head.length
  for (const cut of cuts) {
    frame.set(cut.bytes, at)
    at += cut.bytes.length
  }
  return frame
}

/** The array a body holds, or null where it is malformed. Never throws: the peer wrote it. */
export function decodeBody(frame: string | Uint8Array): unknown[] | null {
  try {
    const body = typeof frame === 'string' ? JSON.parse(frame.slice(1)) : decodeBinary(frame)
    return Array.isArray(body) && !isTooDeep(body) ? body : null
  } catch {
    return null
  }
}

/** Past the nesting that either side takes. */
export function isTooDeep(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false
  if (depth > DEPTH_MAX) return true
  if (Array.isArray(value)) return value.some((item) => isTooDeep(item, depth + 1))
  for (const key in value) if (isTooDeep((value as Record<string, unknown>)[key], depth + 1)) return true
  return false
}

function decodeBinary(frame: Uint8Array): unknown {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  const headEnd = 5 + view.getUint32(1)
  if (headEnd > frame.length) return null
  const head: unknown = JSON.parse(
    new TextDecoder('utf-8', { fatal: true }).decode(frame.subarray(5, headEnd)),
  )
  if (!Array.isArray(head) || !Array.isArray(head[1])) return null
  const [body, cuts] = head as [unknown, unknown[]]
  let at = headEnd
  for (const cut of cuts) {
    if (!Array.isArray(cut) || !Array.isArray(cut[0]) || !Number.isSafeInteger(cut[1]) || cut[1] < 0)
      return null
    const end = at + cut[1]
    if (end > frame.length) return null
    // A plain Uint8Array on both sides, and memory of its own: beside the frame may stand what others sent.
    if (!put(body, cut[0], new Uint8Array(frame.subarray(at, end)))) return null
    at = end
  }
  return at === frame.length ? body : null
}

/** Only an own `null` is replaced: a path cannot reach a prototype or overwrite a value. */
function put(body: unknown, path: unknown[], bytes: Uint8Array): boolean {
  let place = body
  for (let i = 0; i < path.length; i++) {
    const key = path[i]
    if ((typeof key !== 'string' && typeof key !== 'number') || typeof place !== 'object' || place === null)
      return false
    if (!Object.hasOwn(place, key)) return false
    const holder = place as Record<string | number, unknown>
    if (i < path.length - 1) {
      place = holder[key]
      continue
    }
    if (holder[key] !== null) return false
    holder[key] = bytes
    return true
  }
  return false
}
