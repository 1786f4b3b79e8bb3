/** What leaves for one session at the end of a turn. */
import type { Data, Frame } from '../wire/frames.ts'
import type { Link } from './link.ts'
import type { Session } from './session.ts'

/** Bytes given to a link in one write when it has to catch up; the next page goes when this one has left. */
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
    session.cursor = outbox.end
    session.given = outbox.end
    link.sendBundle(bundle)
    return null
  }
  return flushFromOutbox(session)
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
