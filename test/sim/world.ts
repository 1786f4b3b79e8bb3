/**
 * Clients and workers, the real code of both, joined by a network that fails. One seed decides everything. Each step
 * moves one thing; `settle` heals the network and runs until nothing moves, then the history must be clean.
 */
import { ClientSession } from '../../lib/client/session.ts'
import { encodeEvent, Frame } from '../../lib/wire/frames.ts'
import type { Session } from '../../lib/worker/session.ts'
import { History } from '../support/history.ts'
import type { Random } from '../support/seed.ts'
import { Node, type NodeApp } from './node.ts'
import { SimLink } from './wire.ts'

export interface WorldOptions {
  readonly workers: number
  readonly clients: number
  /** Chances of a step, per mille. */
  readonly faults: number
  /** A worker may lose its memory. */
  readonly restarts: boolean
}

interface Client {
  /** Ids of questions by session and number. */
  readonly pending: Map<string, { id: string; stream: string }>
  readonly index: number
  /** The candidate that has no welcome, and since when. */
  waits: { link: number; since: number } | null
  readonly machine: ClientSession
  sends: number
  /** Room messages in the order they came, by session and room. */
  seen: Map<string, string[]>
  lastHello: { data: string; segment: string } | null
}

const ROOMS = ['a', 'b']

export class World {
  readonly history = new History()
  readonly findings: string[] = []
  steps = 0
  readonly counts: Record<string, number> = {}
  readonly #random: Random
  readonly #options: WorldOptions
  readonly #clients: Client[] = []
  readonly #nodes: Node[] = []
  #links: SimLink[] = []
  #now = 1_000_000
  #ids = 0
  #published = 0
  /** Hellos that reached a server which has not lost its memory since. */
  readonly #heard = new Set<string>()
  /** What each session's worker had for it, by session and room. */
  readonly #due = new Map<string, string[]>()

  constructor(random: Random, options: WorldOptions) {
    this.#random = random
    this.#options = options
    for (let slot = 0; slot < options.workers; slot++) this.#nodes.push(this.#node(slot, 1))
    for (let i = 0; i < options.clients; i++) this.#clients.push(this.#client(i))
  }

  // — the two applications —

  readonly #app: NodeApp = {
    opened: (node, session) => {
      const room = this.#random.pick(ROOMS)
      if (this.#random.chance(0.7)) void node.rooms.join(session, room).catch(() => {})
    },
    message: (node, session, name, args) => {
      const owner = this.#ownerOf(session)
      this.history.received(streamOf(owner, name), String(args[0]), String(args[1] ?? ''))
      if (name === 'say') this.#publish(node, this.#random.pick(ROOMS))
      if (name === 'echo') this.#serverEmit(node, session)
      if (name === 'join') void node.rooms.join(session, this.#random.pick(ROOMS)).catch(() => {})
      if (name === 'leave') void node.rooms.leave(session, this.#random.pick(ROOMS))
      if (name === 'bye') node.sessions.end(session, 'closed_by_server', '', 'gone')
      return args[0]
    },
    ended: (_node, _session, code) => {
      this.#count(`server ended: ${code}`)
    },
  }

  /** The key's text carries the client's index, so a session is known before any welcome. */
  #ownerOf(session: Session): number {
    return Number(/client(\d+)/.exec(session.keyHash)?.[1])
  }

  #publish(node: Node, room: string): void {
    this.#published += 1
    node.rooms.publish(room, roomFrame(room, this.#published), [], false)
  }

  #serverEmit(node: Node, session: Session): void {
    const owner = this.#ownerOf(session)
    const id = `s${++this.#ids}`
    const before = session.outbox.end
    node.emit(session, 'told', [id])
    // A full outbox takes nothing: the session ends with this turn, and the client is told.
    if (session.outbox.end > before) this.history.sent(`→c${owner}`, id)
  }

  #client(index: number): Client {
    const client: Client = {
      index,
      pending: new Map(),
      sends: 0,
      seen: new Map(),
      lastHello: null,
    } as unknown as Client
    const { pending } = client
    const linkOf = (id: number) => this.#links.find((link) => link.id === id)
    const machine = new ClientSession({
      instance: `instance${index}`,
      outboxBytes: 8192,
      newKey: () => `client${index}-key${++this.#ids}`,
      effects: {
        send: (id, frames) => {
          const link = linkOf(id)
          const hello = frames.find((frame) => typeof frame === 'string' && frame.startsWith('h'))
          if (hello && link) client.lastHello = { data: hello as string, segment: link.segment }
          link?.clientSend(frames)
        },
        writable: (id) => (linkOf(id)?.toServer.length ?? 0) < 6,
        closeLink: (id) => {
          const link = linkOf(id)
          if (link) link.clientClosing = true
        },
        needAuth: (id) => machine.authReady(id, { index }),
        state: () => {},
        deliver: (delivery) => {
          const [id, room] = delivery.args as [string, string | undefined]
          if (room === undefined) this.history.received(`→c${index}`, id)
          else {
            const place = `${machine.id}/${room}`
            const seen = client.seen.get(place)
            if (seen) seen.push(id)
            else client.seen.set(place, [id])
          }
          if (delivery.wantsAnswer) machine.answer(delivery, { ok: true, value: id })
        },
        settle: (number, result) => {
          const key = `${machine.ordinal}/${number}`
          const former = `${machine.ordinal - 1}/${number}`
          const asked = pending.get(key) ?? pending.get(former)
          if (!asked) return void this.findings.push(`c${index}: settled ${number}, which nobody asked`)
          const { id, stream } = asked
          pending.delete(key)
          pending.delete(former)
          if (result.ok && result.value !== null && result.value !== id)
            this.findings.push(`c${index}: ${id} answered with ${String(result.value)}`)
          const fate =
            result.ok && result.value !== null
              ? 'delivered'
              : !result.ok && result.code === 'not_delivered'
                ? 'not_delivered'
                : 'unknown'
          this.history.settled(stream, id, fate)
        },
        settledUpTo: () => {},
        connect: () => this.history.session(`→c${index}`, machine.id ?? ''),
        resume: () => {
          this.#count('resumes')
          this.history.session(`→c${index}`, machine.id ?? '')
        },
        discontinuity: ({ code }) => {
          this.#count(`discontinuity: ${code}`)
          this.history.discontinuity(`c${index}→`)
          this.history.discontinuity(`c${index}→ beside`)
          this.history.discontinuity(`→c${index}`)
        },
        close: ({ code }) => this.findings.push(`c${index} was closed: ${code}`),
        retryAfter: () => {},
        drainAfter: () => {},
      },
    })
    return Object.assign(client, { machine })
  }

  #emit(client: Client): void {
    const name = this.#random.pick([
      'say',
      'echo',
      'echo',
      'slow',
      'slow',
      'beside',
      'join',
      'leave',
      this.#random.chance(0.02) ? 'bye' : 'say',
    ])
    const asks = this.#random.chance(0.3)
    const id = `m${client.index}.${++client.sends}`
    const content = 'x'.repeat(
      this.#random.chance(0.05) ? this.#random.int(1000, 3000) : this.#random.int(0, 40),
    )
    try {
      const number = client.machine.emit(name, [id, content], asks)
      this.history.sent(streamOf(client.index, name), id, content, asks)
      if (asks)
        client.pending.set(`${client.machine.ordinal}/${number}`, {
          id,
          stream: streamOf(client.index, name),
        })
    } catch (error) {
      if ((error as { code?: string }).code !== 'outbox_full') throw error
      this.#count('outbox_full')
    }
  }

  #node(slot: number, epoch: number): Node {
    const { workers } = this.#options
    const acknowledge = (from: number, count: number): void => {
      this.#nodes[from]?.turn.record({ type: 'itemsReceived', to: slot, count })
    }
    return new Node(
      slot,
      epoch,
      workers,
      () => this.#now,
      this.#app,
      () => `session${++this.#ids}`,
      acknowledge,
      this.#due,
    )
  }

  // — steps —

  async step(): Promise<void> {
    this.steps += 1
    const random = this.#random
    const client = random.pick(this.#clients)
    const fault = random.int(0, 999) < this.#options.faults
    if (fault) this.#fault(client)
    else {
      const what = random.int(0, 9)
      if (what <= 3) this.#move()
      else if (what === 4) this.#emit(client)
      else if (what === 5) this.#open(client, random.chance(0.03))
      else if (what === 6) random.pick(this.#nodes).commit()
      else if (what === 7) this.#bus()
      else if (what === 8) await this.#finish(random.pick(this.#nodes))
      else this.#pass(random.int(1, 400))
    }
    client.machine.flush(this.#now)
  }

  /** Moves one frame of one link, or lets one end learn of the other's. */
  #move(): void {
    if (this.#links.length === 0) return
    const link = this.#random.pick(this.#links)
    if (this.#random.chance(0.5)) this.#moveToServer(link)
    else this.#moveToClient(link)
    this.#sweep(link)
  }

  #moveToServer(link: SimLink): void {
    const { sessions } = this.#nodeOf(link)
    if (!link.serverOpen || link.serverClosing || !link.reading) return
    const data = link.toServer.shift()
    if (data === undefined) return
    if (typeof data === 'string' && data.includes('"key"')) this.#heard.add(data.slice(data.indexOf('h')))
    if (link.transport === 'websocket') return sessions.linkFrame(link, data)
    const result = link.serverSide.receiver.decode(data)
    if (result.ok) sessions.linkFrame(link, result.data)
    else if (result.reason !== 'repeat') link.terminate()
  }

  #moveToClient(link: SimLink): void {
    const { machine } = this.#clients[link.client]!
    const data = link.toClient.shift()
    if (data !== undefined && link.clientOpen && !link.clientClosing) {
      if (link.transport === 'websocket') machine.linkFrame(link.id, data, this.#now)
      else {
        const result = link.clientSide.receiver.decode(data)
        if (result.ok) machine.linkFrame(link.id, result.data, this.#now)
        else if (result.reason !== 'repeat') {
          link.cut = true
          link.clientOpen = false
          machine.linkClosed(link.id)
        }
      }
      machine.flush(this.#now)
    }
    if (link.wasBusy && link.serverOpen && link.writable) {
      link.wasBusy = false
      this.#nodeOf(link).sessions.linkWritable(link)
    }
  }

  /** Ends that closed, or that learn of a cut. */
  #sweep(link: SimLink, certainly = false): void {
    if (link.serverClosing && link.toClient.length === 0) link.cut = true
    if (link.clientClosing && link.toServer.length === 0) link.cut = true
    if (!link.cut) return
    if (!certainly && this.#random.chance(0.7)) return
    if (link.serverOpen) {
      link.serverOpen = false
      this.#nodeOf(link).sessions.linkClosed(link, 'lost')
      if (!certainly && this.#random.chance(0.5)) return
    }
    if (link.clientOpen) {
      link.clientOpen = false
      // A machine that closed the link itself expects nothing more of it.
      if (!link.clientClosing) this.#clients[link.client]!.machine.linkClosed(link.id)
    }
    this.#links = this.#links.filter((other) => other !== link)
  }

  #open(client: Client, second: boolean): void {
    const { machine } = client
    if (machine.state === 'closed') return
    const busy = machine.link !== null || machine.candidate !== null
    if (busy && !second) return
    const transport = this.#random.chance(0.5) ? 'websocket' : 'polling'
    const link = new SimLink(++this.#ids, client.index, transport, `segment${client.index}`)
    this.#links.push(link)
    this.#nodeOf(link).sessions.linkOpened(link)
    machine.linkOpened(link.id)
  }

  #bus(): void {
    const from = this.#random.pick(this.#nodes)
    const to = this.#random.pick(this.#nodes)
    if (from !== to && from.due === null) from.busDeliver(to)
  }

  async #finish(node: Node): Promise<void> {
    node.waiting.shift()?.()
    await Promise.resolve()
    await Promise.resolve()
  }

  #pass(ms: number): void {
    this.#now += ms
    for (const client of this.#clients) this.#giveUp(client)
    for (const node of this.#nodes) node.sessions.tick()
  }

  /** The client's shell waits so long for a welcome: polling may have skipped it. */
  #giveUp(client: Client): void {
    const { machine } = client
    const { candidate } = machine
    if (candidate === null) client.waits = null
    else if (client.waits?.link !== candidate) client.waits = { link: candidate, since: this.#now }
    else if (this.#now - client.waits.since > 10_000) {
      const link = this.#links.find(({ id }) => id === candidate)
      if (link) {
        link.cut = true
        link.clientOpen = false
      }
      machine.linkClosed(candidate)
    }
  }

  #fault(client: Client): void {
    const random = this.#random
    const link = this.#links.length > 0 ? random.pick(this.#links) : null
    const what = random.int(0, 9)
    if (what <= 3 && link) {
      // A prefix of what is in flight may still arrive.
      link.cut = true
      link.toClient.length = Math.min(link.toClient.length, random.int(0, 3))
      link.toServer.length = Math.min(link.toServer.length, random.int(0, 3))
      this.#count('cuts')
    } else if (what === 4 && link?.transport === 'polling' && link.toClient.length > 0) {
      link.toClient.shift()
      this.#count('skipped GETs')
    } else if (what === 5 && link?.transport === 'polling' && link.toServer.length > 0) {
      link.toServer.unshift(link.toServer[0]!)
      this.#count('doubled POSTs')
    } else if (what === 6 && client.lastHello) this.#lateHello(client.lastHello, client.index)
    else if (what === 7) this.#open(client, true)
    else if (what === 8 && random.chance(0.05)) this.#pass(25_000)
    else if (what === 9 && this.#options.restarts && random.chance(0.02))
      this.#restart(random.pick(this.#nodes))
  }

  /** A hello that was under way when its client had long moved on: it must not take the session. */
  #lateHello({ data, segment }: { data: string; segment: string }, client: number): void {
    const ghost = new SimLink(++this.#ids, client, 'websocket', segment)
    ghost.clientOpen = false
    ghost.clientClosing = true
    const { sessions } = this.#nodeOf(ghost)
    sessions.linkOpened(ghost)
    sessions.linkFrame(ghost, data)
    ghost.cut = true
    this.#links.push(ghost)
    this.#count('late hellos')
    if (ghost.session && this.#heard.has(data))
      this.findings.push(`c${client}: a hello heard before took the session again`)
  }

  /** The process died without a journal: its sessions and homes are gone, and everybody must be told. */
  #restart(node: Node): void {
    this.#count('restarts')
    this.#heard.clear()
    for (const link of this.#links) {
      if (this.#nodeOf(link) !== node) continue
      link.cut = true
      link.serverOpen = false
    }
    const fresh = this.#node(node.slot, node.epoch + 1)
    this.#nodes[node.slot] = fresh
    for (const other of this.#nodes) {
      if (other === fresh) continue
      other.busCursor.delete(node.slot)
      other.rooms.peerReset(node.slot)
    }
  }

  #nodeOf(link: SimLink): Node {
    return this.#nodes[link.client % this.#nodes.length]!
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }

  // — the end —

  /** No more faults: everything moves until nothing is left to move. */
  async settle(): Promise<string[]> {
    for (let round = 0; round < 400; round++) {
      for (const link of [...this.#links]) {
        while (link.toServer.length > 0 && link.serverOpen && !link.serverClosing && link.reading)
          this.#moveToServer(link)
        while (link.toClient.length > 0) this.#moveToClient(link)
        this.#sweep(link, true)
      }
      for (const node of this.#nodes) {
        while (node.waiting.length > 0) await this.#finish(node)
        node.commit()
        for (const to of this.#nodes) if (to !== node) while (node.busDeliver(to));
        node.commit()
      }
      for (const client of this.#clients) {
        this.#open(client, false)
        client.machine.flush(this.#now)
      }
      this.#pass(300)
      if (round > 20 && this.#quiet()) break
    }
    if (!this.#quiet()) this.findings.push('the world did not come to rest')
    return [
      ...this.findings,
      ...this.history
        .findings()
        .filter((f) => f.kind !== 'reordered' || !f.stream.endsWith('beside'))
        .map((f) => `${f.stream}: ${f.kind} ${f.message}`),
      ...this.#roomFindings(),
      ...this.#stateFindings(),
    ]
  }

  #quiet(): boolean {
    const idleClients = this.#clients.every(
      ({ machine }) => machine.state === 'connected' && machine.emitted === machine.handled,
    )
    return (
      idleClients && this.#links.every((link) => link.toClient.length === 0 && link.toServer.length === 0)
    )
  }

  /** A session that still lives has seen all that its worker had for it, a lost one a beginning of that. */
  #roomFindings(): string[] {
    const findings = this.#nodes.flatMap((node) => node.orderFindings)
    for (const { index, machine, seen } of this.#clients) {
      for (const [place, ids] of seen) {
        const due = this.#due.get(place) ?? []
        if (ids.some((id, i) => due[i] !== id)) findings.push(`c${index} saw another order in ${place}`)
        if (place.startsWith(`${machine.id}/`) && ids.length !== due.length)
          findings.push(`c${index} saw ${ids.length} of ${due.length} in ${place}`)
      }
    }
    return findings
  }

  /** Both ends agree: one live link per client, and homes know exactly the members that workers know. */
  #stateFindings(): string[] {
    const findings: string[] = []
    for (const node of this.#nodes) {
      for (const [name, room] of node.state.rooms) {
        const home = this.#nodes[name.charCodeAt(0) % this.#nodes.length]!.state.homes.get(name)
        for (const session of room.members)
          if (!home?.members.has(session.id))
            findings.push(`${session.id} is in ${name} and its home does not know`)
      }
      for (const [name, home] of node.state.homes) {
        for (const [id, { slot }] of home.members) {
          const session = this.#nodes[slot]!.state.sessions.get(id)
          if (!session || !this.#nodes[slot]!.state.rooms.get(name)?.members.has(session))
            findings.push(`${name} counts ${id}, which is not there`)
        }
      }
    }
    return findings
  }
}

/** Messages whose handlers run beside others have no order to keep. */
function streamOf(client: number, name: string): string {
  return name === 'beside' ? `c${client}→ beside` : `c${client}→`
}

function roomFrame(room: string, number: number): Frame {
  return new Frame(encodeEvent('heard', [`p${number}`, room]))
}
