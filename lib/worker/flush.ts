/** What leaves for one session at the end of a turn. */
import type { Data, Frame } from '../wire/frames.ts'
import type { Bundle } from './bundle.ts'
import type { Link } from './link.ts'
import type { Session } from './session.ts'

/** Bytes given to a link in one write; the next page goes when this one has left. One larger frame goes alone. */
const PAGE_BYTES = 256 * 1024

/** @returns the link on which the session said `gone`: it is free for another hello */
export function flushSession(session: Session): Link | null {
  const { link, bundle, outbox } = session
  session.dirty = false
  session.bundle = null
  if (!link?.writable) {
    // Volatile frames are for now or never.
    session.after = null
    return null
  }
  if (
    bundle &&
    !session.before &&
    !session.after &&
    !session.farewell &&
    session.cursor + bundle.count === outbox.end
  ) {
    const page = firstPage(bundle)
    session.cursor += page.count
    session.given = Math.max(session.given, session.cursor)
    link.sendBundle(page)
    return null
  }
  return flushFromOutbox(session)
}

/** All that share the bundle share its first page; the rest waits in their outboxes. */
function firstPage(bundle: Bundle): Bundle {
  let page = bundle
  while (page.bytes > PAGE_BYTES && page.count > 1) page = page.parent!
  return page
}

function flushFromOutbox(session: Session): Link | null {
  const { outbox, farewell } = session
  const link = session.link!
  const out: (Data | Frame)[] = session.before ?? []
  session.before = null
  let bytes = 0
  while (session.cursor < outbox.end && bytes < PAGE_BYTES) {
    session.cursor += 1
    const frame = outbox.at(session.cursor)
    bytes += frame.size
    out.push(frame)
  }
  session.given = Math.max(session.given, session.cursor)
  const caughtUp = session.cursor === outbox.end
  if (caughtUp && session.after) out.push(...session.after)
  session.after = null
  if (caughtUp && farewell) out.push(farewell.frame)
  if (out.length > 0) link.send(out)
  if (!caughtUp || !farewell) return null
  session.farewell = null
  session.link = null
  link.session = null
  if (farewell.keepLink) return link
  link.close()
  return null
}
