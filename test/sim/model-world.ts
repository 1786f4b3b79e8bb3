/**
 * A client, a worker and the links between them, all of it real but the links. What happened and what is still allowed
 * to happen is part of its state, so everything is a field, and nothing private.
 */
import { encodeEvent, Frame, parseFrame } from '../../lib/wire/frames.ts'
import { type CheckpointRecord, checkpointOf, restore } from '../../lib/worker/checkpoint.ts'
import type { Session } from '../../lib/worker/session.ts'
import { Core, LIMITS } from '../support/core.ts'
import { Application } from './model-app.ts'
import type { Bounds } from './model-bounds.ts'
import { ModelLink } from './model-link.ts'
import { type Fate, type Mine, Page, type PagePorts } from './model-page.ts'
import { pending, runJobs } from './model-promise.ts'

/** Seconds alone never make one. */
const GRACE_MS = 10_000_000
/** How a link may end though nobody breaks the protocol. */
const REFUSALS = new Set(['stale_attempt', 'link_replaced', 'hello_timeout', 'closed_by_server'])

export class World {
  readonly bounds: Bounds
  findings: string[] = []
  /** What may still happen. */
  cuts: number
  races: number
  restarts: number
  expiries: number
  takeovers: number
  ends: number
  toClient: number
  toServer: number
  now = 1_000_000
  pages: Page[] = []
  app = new Application(this.pages, (what) => this.wrong(what))
  core: Core
  /** What the journal comes to. */
  written: readonly CheckpointRecord[] = []
  /** Of the process. */
  readonly promises = pending
  links: ModelLink[] = []
  /** The highest attempt that took a session, by session and instance. */
  accepted = new Map<string, number>()
  /** Of each kind so many. */
  names = { link: 0, key: 0, session: 0, message: 0 }

  constructor(bounds: Bounds) {
    this.bounds = bounds
    this.cuts = bounds.cuts
    this.races = bounds.races
    this.restarts = bounds.restarts
    this.expiries = bounds.expiries
    this.takeovers = bounds.takeovers
    this.ends = bounds.ends
    this.toClient = bounds.messages
    this.toServer = bounds.messages
    this.promises.length = 0
    this.core = this.newCore()
    this.pages.push(new Page('A', this.ports))
  }

  wrong(what: string): void {
    this.findings.push(what)
  }

  /** One move: its turn of the client, and of the worker where each has one of its own. */
  make(act: () => void): void {
    act()
    runJobs()
    for (const page of this.pages) page.machine.flush(page.now)
    if (!this.bounds.turns) while (this.core.due) this.commit()
    this.links = this.links.filter((link) => link.clientOpen || link.server !== 'gone')
  }

  // — the worker —

  commit(): void {
    this.core.commit()
    runJobs()
  }

  newCore(): Core {
    return new Core({
      slot: 0,
      limits: { ...LIMITS, graceMs: GRACE_MS, helloMs: GRACE_MS / 2 },
      now: () => this.now,
      journal: {
        write: () => {
          if (this.bounds.journal) this.written = [...checkpointOf(this.core.state)]
        },
        close: () => {},
      },
      received: () => {},
      app: {
        hashKey: (key) => key,
        newId: () => {
          const id = `S${++this.names.session}_`
          this.app.open(id)
          return id
        },
        admit: () => ({ ok: true, data: {} }),
        wire: () => {},
        run: (session, task) => this.app.run(session, task),
        isConcurrent: () => false,
        poisoned: () => {},
        refused: (_link, code) => {
          if (!REFUSALS.has(code)) this.wrong(`the worker refuses a link: ${code}`)
        },
        ended: ({ id }) => {
          for (const who of this.accepted.keys()) if (who.startsWith(id)) this.accepted.delete(who)
        },
        homeOf: () => 0,
      },
    })
  }

  deliverToServer(link: ModelLink): void {
    const data = link.toServer.shift()!
    link.used = true
    const message = parseFrame(data, 'client')
    this.core.sessions.linkFrame(link, data)
    if (message?.type !== 'hello' || !link.session) return
    const { instance, attempt } = message.hello
    const who = `${link.session.id}${instance}`
    if (attempt <= (this.accepted.get(who) ?? 0))
      this.wrong(`attempt ${attempt} of ${instance} takes the session again`)
    this.accepted.set(who, attempt)
  }

  emit(session: Session): void {
    this.toClient -= 1
    const name = `s${++this.names.message}`
    this.core.sessions.send(session, new Frame(encodeEvent('told', [name])))
    this.app.book(session.id).sent.push({ name, number: session.outbox.end })
  }

  passGrace(): void {
    this.expiries -= 1
    const connected = [...this.core.state.sessions.values()].filter(({ phase }) => phase.kind === 'connected')
    this.now += GRACE_MS
    this.core.sessions.tick()
    for (const { id, phase } of connected)
      if (phase.kind !== 'connected') this.wrong(`${id} is ${phase.kind}, its link was there all the time`)
  }

  /** The process dies, and another follows. @param spared links that it has read nothing from: they reach the next process */
  restart(spared: readonly ModelLink[]): void {
    this.restarts -= 1
    this.promises.length = 0
    this.core = this.newCore()
    const { sessions, state } = this.core
    for (const record of this.written) restore(state, record)
    this.app.die(state.sessions)
    sessions.recover()
    for (const who of this.accepted.keys())
      if (!state.sessions.has(who.replace(/_.*/, '_'))) this.accepted.delete(who)
    for (const link of this.links) {
      if (spared.includes(link)) sessions.linkOpened(link)
      else link.serverGone()
    }
  }

  // — the client —

  open(page: Page): void {
    const link = new ModelLink(++this.names.link, page, this.bounds.window)
    this.links.push(link)
    this.core.sessions.linkOpened(link)
    page.machine.linkOpened(link.id)
  }

  deliverToClient(link: ModelLink): void {
    link.page.machine.linkFrame(link.id, link.toClient.shift()!, link.page.now)
    if (link.busy && link.writable) this.core.sessions.linkWritable(link)
  }

  linkOf(id: number): ModelLink | undefined {
    return this.links.find((link) => link.id === id)
  }

  readonly ports: PagePorts = {
    send: (id, frames) => this.linkOf(id)?.clientSend(frames),
    closeLink: (id) => this.linkOf(id)?.clientGone(),
    newKey: () => `K${++this.names.key}_`,
    heard: ({ name, machine, heard }, message) => {
      const due = machine.id === null ? undefined : this.app.book(machine.id).sent[heard]?.name
      if (due !== message) this.wrong(`${name} hears ${message} where ${due} is due`)
    },
    told: (page, message, fate) => this.told(page, message, fate),
    interrupted: ({ name }) => {
      const { cuts, restarts, expiries, takeovers, ends } = this.bounds
      const failed = cuts > this.cuts || restarts > this.restarts || expiries > this.expiries
      if (!failed && takeovers === this.takeovers && ends === this.ends)
        this.wrong(`${name} is interrupted, and nothing failed`)
    },
    discontinuity: (page, code) => this.discontinuity(page, code),
    wrong: (what) => this.wrong(what),
  }

  told({ name }: Page, message: Mine, fate: Fate): void {
    if (fate === 'delivered' && !this.app.finished.includes(message.name))
      this.wrong(`${name} is told that ${message.name} is delivered`)
    if (fate === 'not_delivered' && this.app.begun.includes(message.name))
      this.wrong(`${name} is told that ${message.name} is not delivered`)
  }

  /** A session is lost only where something happened that loses it. */
  discontinuity({ name, discontinuities }: Page, code: string): void {
    const { bounds } = this
    const died = bounds.journal ? 0 : bounds.restarts - this.restarts
    const expired = bounds.expiries - this.expiries
    const ended = bounds.ends - this.ends
    const shared = this.pages.length - 1
    const causes: Record<string, number> = {
      session_expired: expired,
      session_unknown: died + shared,
      count_mismatch: shared,
      closed_by_server: ended,
    }
    if (!causes[code]) this.wrong(`${name} loses its session without a cause: ${code}`)
    else if (shared === 0 && discontinuities > died + expired + ended)
      this.wrong(`${name} loses one session too many: ${code}`)
  }
}
