/**
 * Which slot a segment, a room or an engine.io sid belongs to. Pure: the same on the primary and on every worker.
 * The hash is keyed, so that a stranger cannot pick segments or room names that all fall on one worker.
 */
import { createHmac } from 'node:crypto'

/** A piece of path that a client may pick for itself. */
export function isSegment(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,64}$/.test(text)
}

export function placeSegment(key: Uint8Array, segment: string, workers: number): number {
  return place(key, 's', segment, workers)
}

/**
 * A room named `{segment}…` has its home where that segment's sessions are: with members of that segment alone it never
 * leaves their worker.
 */
export function placeRoom(key: Uint8Array, room: string, workers: number): number {
  const segment = /^\{([A-Za-z0-9_-]{1,64})\}/.exec(room)?.[1]
  return segment === undefined ? place(key, 'r', room, workers) : placeSegment(key, segment, workers)
}

/** The prefix keeps rooms and segments apart: a room named as a segment tells nothing about that segment. */
function place(key: Uint8Array, prefix: string, text: string, workers: number): number {
  return createHmac('sha256', key).update(prefix).update(text).digest().readUInt32BE(0) % workers
}

/** The slot that an engine.io sid `<slot in decimal>-<random base64url>` names; null where it names none. */
export function slotOfSid(sid: string): number | null {
  const slot = /^(0|[1-9][0-9]{0,3})-[A-Za-z0-9_-]{1,64}$/.exec(sid)?.[1]
  return slot === undefined ? null : Number(slot)
}

/** Where a request belongs, by its target alone. Primary and worker ask this one function. */
export type Route =
  | { readonly kind: 'segment'; readonly segment: string }
  /** No segment, but an engine.io sid that names a slot (which may be one that does not exist). */
  | { readonly kind: 'sid'; readonly slot: number }
  /** `/health`, answered by the primary where it sees it. */
  | { readonly kind: 'health' }
  /** Pages, unknown paths, handshakes without a segment: any worker. */
  | { readonly kind: 'any' }
  /** To be answered with 400 and the reason. */
  | { readonly kind: 'bad'; readonly reason: string }

/**
 * @param target of the request line, as it came; never throws, whatever it is
 * @param prefix `--path`, with a slash at both ends
 */
export function routeOf(target: string, prefix: string): Route {
  if (target === '*') return { kind: 'any' }
  const local = target.startsWith('/') ? target : afterAuthority(target)
  if (local === null) return { kind: 'bad', reason: 'The request target is malformed.' }
  const [, path = '', query = ''] = /^([^?#]*)\??([^#]*)/.exec(local) ?? []
  if (path === '/health') return { kind: 'health' }
  if (`${path}/` === prefix || path === prefix) return bySid(query)
  if (!path.startsWith(prefix)) return { kind: 'any' }
  const segment = path.slice(prefix.length).split('/', 1)[0] as string
  // `/api//x` has no segment to be wrong; the worker answers 404.
  if (segment === '') return { kind: 'any' }
  return isSegment(segment)
    ? { kind: 'segment', segment }
    : { kind: 'bad', reason: 'The segment is malformed.' }
}

/** `http://host/path` → `/path`; null for anything else. Not through URL, which throws on some of them. */
function afterAuthority(target: string): string | null {
  const rest = /^https?:\/\/[^/?#]+(.*)$/i.exec(target)?.[1]
  if (rest === undefined) return null
  return rest.startsWith('/') ? rest : `/${rest}`
}

function bySid(query: string): Route {
  const sid = query.includes('sid=') ? new URLSearchParams(query).get('sid') : null
  const slot = sid === null ? null : slotOfSid(sid)
  return slot === null ? { kind: 'any' } : { kind: 'sid', slot }
}
