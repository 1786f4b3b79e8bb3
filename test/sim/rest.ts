/** What must hold when nothing moves any more. */

import type { HomeMember, HomeRoom } from '../../lib/worker/state.ts'
import { LIMITS } from '../support/core.ts'
import type { FindingKind } from '../support/history.ts'
import { homeOf, type Node } from './node.ts'
import type { World } from './world.ts'

/** Where two pages have one key, what a worker says of a number may be about the other page's message. */
const EXCUSED: readonly FindingKind[] = ['told wrong']

export function restFindings(world: World): string[] {
  return [
    ...historyFindings(world),
    ...roomFindings(world),
    ...memberFindings(world),
    ...ownerFindings(world),
    ...graceFindings(world),
  ]
}

function historyFindings(world: World): string[] {
  return world.history
    .findings()
    .filter(({ kind, stream }) => kind !== 'reordered' || !stream.endsWith('beside'))
    .filter(({ kind, stream }) => !EXCUSED.includes(kind) || !world.isCopied(pageOf(stream)))
    .map(({ kind, stream, message }) => `${stream}: ${kind} ${message}`)
}

function roomFindings({ rooms, nodes, pages }: World): string[] {
  const living = nodes.flatMap(({ state }) =>
    [...state.sessions.values()].map((session) => ({
      session: session.id,
      reader: pages.find((page) => page.owns(session.id))?.name ?? null,
      rooms: [...(session.rooms ?? [])]
        .filter(([, { standing }]) => standing === 'member')
        .map(([room]) => room),
    })),
  )
  const home = (room: string): Node => nodes[homeOf(room, nodes.length)]!
  const hasMember = (room: string, session: string): boolean =>
    home(room).state.homes.get(room)?.members.has(session) ?? false
  return rooms.settle(living, (room) => home(room).name, hasMember)
}

function pageOf(stream: string): string {
  return stream.replaceAll(/→| .*/g, '')
}

/** Homes count exactly the members that workers have. */
function memberFindings({ nodes }: World): string[] {
  const findings: string[] = []
  for (const node of nodes) {
    for (const [name, room] of node.state.rooms) {
      const home = nodes[homeOf(name, nodes.length)]!.state.homes.get(name)
      for (const { id } of room.members)
        if (!home?.members.has(id)) findings.push(`${id} is in ${name} and its home does not know`)
    }
    for (const [name, home] of node.state.homes) {
      for (const [id, { slot }] of home.members) {
        const { rooms, sessions } = nodes[slot]!.state
        const session = sessions.get(id)
        if (!session || !rooms.get(name)?.members.has(session))
          findings.push(`${name} counts ${id}, which is not there`)
      }
      findings.push(...miscounted(name, home))
    }
  }
  return findings
}

/** Whoever is counted where nobody is gets messages for nobody. */
function miscounted(name: string, { members, slots, watching }: HomeRoom): string[] {
  const inSlot = (slot: number): HomeMember[] =>
    [...members.values()].filter((member) => member.slot === slot)
  const wrong = [...slots].filter(([slot, count]) => inSlot(slot).length !== count)
  const wrongWatching = [...watching].filter(
    ([slot, count]) => inSlot(slot).filter(({ watches }) => watches).length !== count,
  )
  return [...wrong, ...wrongWatching].map(
    ([slot, count]) => `${name} counts ${count} members in slot ${slot}`,
  )
}

/** Each session is one page's, on the link on which its worker has it, and no question of a living one is open. */
function ownerFindings({ nodes, pages }: World): string[] {
  const findings: string[] = []
  const owned = new Set<string>()
  for (const page of pages) {
    const { id } = page.machine
    if (page.closed || id === null) continue
    if (owned.has(id)) findings.push(`${id} has two owners`)
    owned.add(id)
    const sessions = nodes
      .map(({ state }) => state.sessions.get(id))
      .filter((session) => session !== undefined)
    if (sessions.length !== 1) findings.push(`${page.name} has ${id}, which ${sessions.length} workers have`)
    else if (sessions[0]!.instance !== `instance-${page.name}`) findings.push(`${page.name} has not ${id}`)
  }
  for (const node of nodes)
    for (const question of node.asked)
      if (owned.has(question.split('/')[0]!)) findings.push(`${question} was never answered`)
  return findings
}

/** How late a deadline may be noticed. */
const NOTICED_MS = 50

/** Nobody is waited for longer than that: by a clock that was set back, once it is where it was. */
function graceFindings({ nodes }: World): string[] {
  return nodes.flatMap(({ state, now, latest }) =>
    [...state.sessions.values()]
      .filter(({ phase }) => phase.kind === 'suspended' && phase.since + LIMITS.graceMs + NOTICED_MS < now)
      .filter(() => latest + NOTICED_MS < now)
      .map(({ id }) => `${id} waits longer than its grace`),
  )
}
