/**
 * Every move that can be made in a state. One that heals makes no trouble: the first such one, again and again, leads
 * to rest.
 */
import { RECEIVED_AFTER } from '../../lib/wire/stream.ts'
import type { ModelLink } from './model-link.ts'
import type { Page } from './model-page.ts'
import type { World } from './model-world.ts'

export interface Move {
  readonly name: string
  readonly heals: boolean
  run(): void
}

type Add = (heals: boolean, name: string, act: () => void) => void

export function movesOf(world: World): Move[] {
  const moves: Move[] = []
  const add: Add = (heals, name, act) => moves.push({ name, heals, run: () => world.make(act) })
  for (const link of world.links) deliveries(world, link, add)
  for (const handler of world.app.handlers)
    add(true, `${handler.message} is handled`, () => world.app.finish(handler))
  if (world.core.due) add(true, 'the turn ends', () => world.commit())
  for (const link of world.links) endings(world, link, add)
  for (const page of world.pages) if (page.machine.state !== 'closed') clientMoves(world, page, add)
  serverMoves(world, add)
  return moves
}

function deliveries(world: World, link: ModelLink, add: Add): void {
  const { id, page, toServer, toClient } = link
  if (link.server === 'open' && toServer.length > 0)
    add(true, `link ${id} → worker: ${toServer[0]}`, () => world.deliverToServer(link))
  if (link.clientOpen && toClient.length > 0)
    add(true, `link ${id} → ${page.name}: ${toClient[0]}`, () => world.deliverToClient(link))
}

/** An end learns that the link is gone: by a cut, or because the other end is. What it had not read is lost. */
function endings(world: World, link: ModelLink, add: Add): void {
  const { id, page, clientOpen, server, toServer, toClient } = link
  const works = clientOpen && server === 'open'
  const allRead = toServer.length === 0 || server === 'closing'
  const allWritten = toClient.length === 0 || !clientOpen
  if (server !== 'gone' && (!works || world.cuts > 0)) {
    add(!works && allRead && allWritten, `the worker learns that link ${id} is gone`, () => {
      if (works) world.cuts -= 1
      world.core.sessions.linkClosed(link, 'lost')
      link.serverGone()
    })
  }
  const breaks = works || (link.orderly && !allWritten)
  if (clientOpen && (!breaks || world.cuts > 0)) {
    add(!works && allWritten, `${page.name} learns that link ${id} is gone`, () => {
      if (breaks) world.cuts -= 1
      link.clientGone()
      page.machine.linkClosed(id)
    })
  }
}

function clientMoves(world: World, page: Page, add: Add): void {
  const { name, machine } = page
  if (machine.dueAt() !== Number.POSITIVE_INFINITY) {
    add(true, `time passes at ${name}`, () => {
      page.now += RECEIVED_AFTER.client.ms
    })
  }
  const waits = machine.link === null && machine.candidate === null
  if (world.links.length < world.bounds.links && (waits || world.races > 0)) {
    add(waits, `${name} opens link ${world.names.link + 1}`, () => {
      if (!waits) world.races -= 1
      world.open(page)
    })
  }
  if (world.toServer > 0) {
    add(false, `${name} sends`, () => {
      world.toServer -= 1
      page.emit(world.bounds.asks)
    })
  }
  if (world.ends > 0) {
    add(false, `${name} closes`, () => {
      world.ends -= 1
      machine.close('closed_by_client', '', page.now)
    })
  }
  // What the first page had yet to write, the second would take for its own.
  const { sent, outbox } = page.conversation
  if (world.takeovers > 0 && sent === outbox.end) {
    add(false, `a second page begins with what ${name} knows`, () => {
      world.takeovers -= 1
      world.pages.push(page.duplicate('B'))
    })
  }
}

function serverMoves(world: World, add: Add): void {
  const { sessions, state } = world.core
  const all = [...state.sessions.values()]
  if (all.some(({ acknowledger }) => acknowledger.dueAt !== Number.POSITIVE_INFINITY)) {
    add(true, 'time passes at the worker', () => {
      world.now += RECEIVED_AFTER.server.ms
      sessions.tick()
    })
  }
  for (const session of all) {
    if (world.toClient > 0) add(false, `the worker sends to ${session.id}`, () => world.emit(session))
    if (world.ends === 0 || session.leaving) continue
    for (const says of ['close', 'gone'] as const) {
      add(false, `the worker ends ${session.id} with ${says}`, () => {
        world.ends -= 1
        sessions.end(session, 'closed_by_server', '', says)
      })
    }
  }
  if (world.expiries > 0 && all.length > 0) add(false, 'a grace passes', () => world.passGrace())
  if (world.restarts === 0) return
  add(false, 'the worker dies', () => world.restart([]))
  // A first hello may come late. One that resumes is never as old as that: it says what the process that died had taken.
  const late = world.links.filter(
    ({ server, used, toServer }) => server === 'open' && !used && !String(toServer[0]).includes('"id"'),
  )
  if (late.length > 0)
    add(false, 'the worker dies, and a first hello reaches the next one', () => world.restart(late))
}
