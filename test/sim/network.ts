/** The links between pages and workers: what is on them moves, gets lost, comes late or twice when the world says so. */
import type { LinkEvents } from '../../lib/client/link.ts'
import { type Data, encodeNumber } from '../../lib/wire/frames.ts'
import type { Transport } from '../../lib/worker/link.ts'
import type { History } from '../support/history.ts'
import type { Clock } from './clock.ts'
import { Hellos, type HellosWorld, isHello } from './hellos.ts'
import type { Node } from './node.ts'
import type { Page } from './page.ts'
import { SimLink } from './wire.ts'

export interface NetworkWorld extends HellosWorld {
  nodeOf(client: number): Node
  readonly clock: Clock
  readonly history: History
  newId(): number
}

interface Line {
  readonly link: SimLink
  readonly page: Page
}

export class Network {
  readonly #world: NetworkWorld
  #lines: Line[] = []
  readonly #hellos: Hellos

  constructor(world: NetworkWorld) {
    this.#world = world
    this.#hellos = new Hellos(world)
  }

  get quiet(): boolean {
    return this.#lines.every(({ link }) => !link.cut && link.toClient.length + link.toServer.length === 0)
  }

  #pick(nth: number, fits: (link: SimLink) => boolean): Line | null {
    const lines = this.#lines.filter(({ link }) => fits(link))
    return lines.length > 0 ? lines[nth % lines.length]! : null
  }

  #nodeOf({ page }: Line): Node {
    return this.#world.nodeOf(page.client)
  }

  // — the life of a link —

  /** A page dials. */
  open(page: Page, transport: Transport, events: LinkEvents): SimLink {
    const link = new SimLink(
      `link${this.#world.newId()}`,
      transport,
      `segment${page.client}`,
      events,
      () => this.#world.clock.now,
    )
    this.#lines.push({ link, page })
    return link
  }

  /** A dialled link is there, or it is not to be had. */
  connect(nth: number, works: boolean): boolean {
    const line = this.#pick(nth, (link) => !link.accepted && link.clientOpen && !link.clientClosing)
    if (!line) return false
    const { link } = line
    if (!works) {
      link.cut = true
      link.serverOpen = false
      link.client.lost()
      this.#world.count(`${link.transport} refused`)
    } else {
      link.accepted = true
      this.#nodeOf(line).sessions.linkOpened(link)
      link.client.events.opened()
    }
    this.#forget()
    return true
  }

  /** An end learns that its link is over. */
  notice(nth: number, end: 'server' | 'client'): boolean {
    const line = this.#pick(nth, (link) => link.cut && (end === 'server' ? link.serverOpen : link.clientOpen))
    if (!line) return false
    if (end === 'server') this.#serverLost(line)
    else line.link.client.lost()
    this.#forget()
    return true
  }

  #serverLost(line: Line): void {
    line.link.serverOpen = false
    if (line.link.accepted) this.#nodeOf(line).sessions.linkClosed(line.link, 'lost')
  }

  /** Ends that closed behind what they wrote; links that both ends know of. */
  #forget(): void {
    for (const { link } of this.#lines) {
      if (link.serverClosing && link.toClient.length === 0) link.cut = true
      if (link.clientClosing && link.toServer.length === 0) link.cut = true
      if (!link.accepted && !link.clientOpen) link.serverOpen = false
    }
    this.#lines = this.#lines.filter(({ link }) => link.serverOpen || link.clientOpen)
  }

  // — frames —

  /** @param past what the worker reads though it asked for no more: it was on its way */
  toServer(nth: number, past: '' | 'past back-pressure' = ''): boolean {
    const line = this.#pick(
      nth,
      (link) =>
        link.toServer.length > 0 && link.serverOpen && !link.serverClosing && link.reading === (past === ''),
    )
    if (!line) return false
    const { link } = line
    if (past) this.#world.count('frames read past back-pressure')
    const data = link.take()
    if (data !== null) this.#arrive(line, data)
    if (link.client.drained() && link.client.isOpen) link.client.events.drained()
    this.#forget()
    return true
  }

  #arrive(line: Line, data: Data): void {
    const { link } = line
    if (link.cut) this.#world.count('frames later than the cut')
    if (isHello(data)) return this.#hellos.arrive(this.#nodeOf(line), link, data)
    const { session } = link
    if (!session) this.#world.count('frames on a fenced link')
    const taken = session?.inbox.count
    this.#nodeOf(line).sessions.linkFrame(link, data)
    if (session && session.inbox.count !== taken) this.#world.history.owner(session.id, link.name)
  }

  toClient(nth: number): boolean {
    const line = this.#pick(nth, (link) => link.toClient.length > 0)
    if (!line) return false
    const { link, page } = line
    const data = link.client.take()
    if (link.client.isOpen && !page.dead) {
      if (data === 'broken') {
        link.cut = true
        link.client.lost()
        this.#world.count('gaps found by clients')
      } else if (data !== null) link.client.events.frame(data)
    }
    if (link.drained()) this.#nodeOf(line).sessions.linkWritable(link)
    this.#forget()
    return true
  }

  // — faults —

  /** So many frames of each direction still arrive; the next one is cut in its middle and lost with the rest. */
  cut(nth: number, up: number, down: number): void {
    const line = this.#pick(nth, (link) => link.accepted && !link.cut)
    if (!line) return
    const { link } = line
    this.#world.count('cuts')
    const lost = [...link.toServer.slice(up), ...link.toClient.slice(down)].map(String)
    if (lost.length > 0) this.#world.count('cuts in mid-frame')
    if (lost.some((frame) => /^(\d+:)?w/.test(frame))) this.#world.count('welcomes cut off')
    if (lost.some((frame) => /^(\d+:)?r/.test(frame))) this.#world.count('received cut off')
    link.toServer.length = Math.min(link.toServer.length, up)
    link.toClient.length = Math.min(link.toClient.length, down)
    link.cut = true
    this.#forget()
  }

  /** The answer to a GET is lost, the retried one gets what comes next. */
  skipGet(nth: number, frames: number): void {
    const line = this.#pick(nth, (link) => link.transport === 'polling' && link.toClient.length > 0)
    if (!line) return
    line.link.toClient.splice(0, frames)
    this.#world.count('skipped GETs')
    this.#forget()
  }

  /** The answer to a POST is lost, and it is sent again. */
  doublePost(nth: number, frames: number): void {
    const line = this.#pick(nth, (link) => link.transport === 'polling' && link.toServer.length > 0)
    if (!line) return
    const { toServer } = line.link
    toServer.unshift(...toServer.slice(0, frames))
    this.#world.count('doubled POSTs')
  }

  /** The worker wants no hello now, or says so on a link that is in use, where it means nothing. */
  retry(nth: number, ms: number): void {
    const mayRefuse = (link: SimLink): boolean => link.session === null && isHello(link.toServer[0])
    const line = this.#pick(nth, (link) => isReady(link) && (link.session ? link.welcomed : mayRefuse(link)))
    if (!line) return
    const { link } = line
    if (link.session === null) {
      link.take()
      this.#world.count('hellos answered by retry')
    } else this.#world.count('retry on a live link')
    link.send([encodeNumber('retry', ms)])
  }

  /** The worker will be replaced. */
  drain(nth: number, ms: number): void {
    const line = this.#pick(nth, (link) => isReady(link) && link.session !== null && link.welcomed)
    if (!line) return
    line.link.send([encodeNumber('drain', ms)])
    this.#world.count('drains')
  }

  /** A hello that was under way when its page had long moved on: it must not take the session. */
  lateHello(page: Page, nth: number): void {
    const data = page.hellos[nth % Math.max(1, page.hellos.length)]
    if (data === undefined) return
    const ghost = this.open(page, 'websocket', { opened() {}, frame() {}, drained() {}, closed() {} })
    ghost.accepted = true
    ghost.clientOpen = false
    const node = this.#world.nodeOf(page.client)
    node.sessions.linkOpened(ghost)
    this.#hellos.arrive(node, ghost, data)
    ghost.cut = true
    this.#world.count('late hellos')
  }

  /** A page's process ends: its connections close behind what is on them. */
  pageDied(page: Page): void {
    for (const { link } of this.#lines.filter((line) => line.page === page)) {
      link.cut = true
      link.clientOpen = false
    }
    this.#forget()
  }

  /** A worker's process ends. */
  nodeDied(node: Node): void {
    for (const line of this.#lines) {
      if (this.#nodeOf(line) !== node || !line.link.accepted) continue
      line.link.cut = true
      line.link.serverOpen = false
    }
    this.#forget()
  }

  /** The last GET of each polling link is lost: nothing comes behind it that shows the gap. */
  skipLast(): void {
    for (const { link } of this.#lines)
      if (link.transport === 'polling' && !link.cut) link.toClient.length = 0
  }

  /** Everything moves and everybody knows. */
  heal(): void {
    while (this.connect(0, true));
    while (this.toServer(0) || this.toClient(0));
    while (this.notice(0, 'server') || this.notice(0, 'client'));
  }
}

/** The worker can still say something on it. */
function isReady(link: SimLink): boolean {
  return link.accepted && link.serverOpen && !link.serverClosing && !link.cut
}
