/** What must hold in a model. What goes wrong in a move is found by those who are told of it. */
import type { Session } from '../../lib/worker/session.ts'
import type { Page } from './model-page.ts'
import type { World } from './model-world.ts'

/** In every state. */
export function check(world: World): readonly string[] {
  const { sessions } = world.core.state
  for (const session of sessions.values()) checkSession(world, session)
  // Within a turn its farewell is still due.
  if (!world.core.due) {
    for (const { id, session } of world.links)
      if (session && sessions.get(session.id) !== session)
        world.wrong(`link ${id} carries a session that is over`)
  }
  for (const { name, machine, mine, ordinal } of world.pages) {
    for (const m of mine) {
      if (m.ordinal === ordinal && m.number <= machine.handled && !world.app.finished.includes(m.name))
        world.wrong(`${name} takes ${m.name} for handled`)
    }
  }
  return world.findings
}

function checkSession(world: World, session: Session): void {
  const { id, phase, handled, inbox, outbox, link, cursor } = session
  const owners = world.links.filter((other) => other.session === session)
  if (owners.length > 1 || owners[0] !== (link ?? undefined)) world.wrong(`${owners.length} links own ${id}`)
  if ((phase.kind === 'connected') !== (link !== null)) world.wrong(`${id} is ${phase.kind} without reason`)
  if (handled > inbox.count) world.wrong(`${id}: ${handled} handled, ${inbox.count} taken`)
  if (link && (cursor < outbox.base || cursor > outbox.end)) world.wrong(`${id}: cursor ${cursor}`)
  const conversations = world.pages.map(({ conversation }) => conversation)
  // A page that took the session for gone has said and heard what those that remain have not; a late first hello
  // makes one that nobody means.
  if (conversations.some((c) => c.key !== session.keyHash || (c.id ?? id) !== id)) return
  const sent = Math.max(...conversations.map((conversation) => conversation.sent))
  if (inbox.count > sent) world.wrong(`${id}: ${inbox.count} taken, ${sent} sent`)
  const received = Math.max(...conversations.map((conversation) => conversation.inbox.count))
  if (outbox.base > received || received > outbox.end)
    world.wrong(`${id}: ${received} received of ${outbox.base} … ${outbox.end}`)
}

/** At rest, where all that can heal has. */
export function checkRest(world: World): readonly string[] {
  const { app, core, pages } = world
  if (world.links.some(({ toServer, toClient }) => toServer.length + toClient.length > 0))
    world.wrong('frames are stuck')
  for (const page of pages) {
    checkPage(world, page)
    for (const { name, answer } of page.mine)
      if (answer === 'open') world.wrong(`${page.name}: ${name} never settles`)
  }
  for (const { id, sent, last } of app.books) {
    const session = core.state.sessions.get(id)
    if (!session && last !== 'close' && last !== 'lost')
      world.wrong(`${id} is over, and its application was told ${last}`)
    if (!session?.link) continue
    if (session.outbox.base < session.outbox.end) world.wrong(`${id}: nobody acknowledges what was sent`)
    const arrived = pages.some((page) => page.session === id && page.heard === sent.length)
    if (!arrived) world.wrong(`${id}: of ${sent.length} messages not all arrive`)
  }
  return world.findings
}

function checkPage(world: World, { name, machine, closed, mine, ordinal }: Page): void {
  if (machine.state === 'closed') {
    const ended =
      world.bounds.ends > world.ends && (closed === 'closed_by_client' || closed === 'closed_by_server')
    if (!ended && (closed !== 'taken_over' || world.pages.length < 2))
      world.wrong(`${name} is closed: ${closed}`)
    return
  }
  const session = world.core.state.sessions.get(machine.id ?? '')
  const link = world.links.find(({ id }) => id === machine.link)
  if (machine.state !== 'connected' || !session || link?.session !== session)
    return world.wrong(`${name} is ${machine.state} and has no session`)
  if (machine.handled !== machine.emitted)
    world.wrong(`${name}: ${machine.handled} of ${machine.emitted} are handled`)
  const said = mine.filter((m) => m.ordinal === ordinal).map((m) => m.name)
  const { begun } = world.app.book(session.id)
  if (said.join() !== begun.join()) world.wrong(`${name} said ${said}, the worker got ${begun}`)
}
