/** What the target of a request line asks a worker for. Pure, and never throws, whatever the client wrote. */
import { routeOf } from '../placement.ts'

export type RequestTarget =
  /** To be answered with 400 and the reason. */
  | { readonly kind: 'bad'; readonly reason: string }
  /** Below limpet's own path, but nothing of limpet's. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'page' }
  | Place

export interface Place {
  readonly kind: 'link'
  /** Empty without one. */
  readonly segment: string
  /** The slot inside the engine.io sid, where there is no segment; null: any worker. */
  readonly slot: number | null
  /** Safe to give to `new URL(url, base)`, which throws on what clients may write. */
  readonly url: string
  readonly query: Readonly<Record<string, string>>
}

const MALFORMED: RequestTarget = { kind: 'bad', reason: 'The request target is malformed.' }

/** @param prefix `--path`, with a slash at both ends */
export function requestTargetOf(target: string, prefix: string): RequestTarget {
  // Origin form only. `//x` and `/\x` are an authority to URL, which throws on some of them.
  if (!/^\/(?![/\\])[^#]*$/.test(target)) return MALFORMED
  const route = routeOf(target, prefix)
  if (route.kind === 'bad') return route
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  const query = mark < 0 ? '' : target.slice(mark)
  if (path === prefix || `${path}/` === prefix)
    return place('', route.kind === 'sid' ? route.slot : null, `${prefix}${query}`, query)
  if (route.kind === 'segment') {
    const own = `${prefix}${route.segment}`
    if (path !== own && path !== `${own}/`) return { kind: 'unknown' }
    return place(route.segment, null, `${own}/${query}`, query)
  }
  if (path.startsWith(prefix)) return { kind: 'unknown' }
  return isDecodable(path) ? { kind: 'page' } : MALFORMED
}

function place(segment: string, slot: number | null, url: string, query: string): Place {
  return { kind: 'link', segment, slot, url, query: Object.fromEntries(new URLSearchParams(query)) }
}

/** Pages decode their paths and look for files of that name: both throw on these. */
function isDecodable(path: string): boolean {
  try {
    return !decodeURIComponent(path).includes('\0')
  } catch {
    return false
  }
}
