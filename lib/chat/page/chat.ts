/** The page's middle: what the client tells goes into the rooms, and what of them is shown into the views. */
import { type Client, connect, type Member } from '../../client/index.ts'
import type { Public, Said, Settings, ToClient, ToServer } from '../events.ts'
import { CatchUp } from './catch-up.ts'
import { Downloads } from './downloads.ts'
import { Entrance } from './entrance.ts'
import { FileViews } from './file-view.ts'
import { LinkView } from './link-view.ts'
import { Log } from './log.ts'
import { Notices } from './notices.ts'
import { Outgoing } from './outgoing.ts'
import { part } from './parts.ts'
import { People } from './people.ts'
import type { Renewal, Room } from './room.ts'
import { RoomList } from './room-list.ts'
import type { Rooms } from './rooms.ts'
import { SessionCard } from './session-card.ts'
import { TypingView } from './typing-view.ts'
import { lostWords, reasonOf } from './words.ts'

export interface PageSettings extends Settings {
  readonly path: string
}

export class Chat {
  readonly client: Client<ToServer, ToClient>
  readonly rooms: Rooms
  readonly notices = new Notices()
  readonly downloads: Downloads
  readonly outgoing: Outgoing
  readonly typing = new TypingView()
  readonly card = new SessionCard()
  /** Files of this page, by reference, until the room tells their names. */
  readonly sentFiles = new Map<string, Uint8Array>()
  /** As the server knows it, or will. */
  nick: string
  named: (name: string) => void = () => {}
  readonly #log: Log
  readonly #people: People
  readonly #list: RoomList
  readonly #entrance: Entrance
  readonly #link: LinkView
  /** All session ids this page has had: after a discontinuity the old lines are still its own. */
  readonly #ownIds = new Set<string>()
  readonly #catchUp: CatchUp

  constructor(rooms: Rooms, { path }: PageSettings, nick: string) {
    this.rooms = rooms
    this.nick = nick
    this.client = connect<ToServer, ToClient>(new URL(path, location.href), {
      auth: () => ({ nick: this.nick }),
    })
    const { client } = this
    this.downloads = new Downloads((id, index) => client.emitWithAck('fetch', id, index))
    const files = new FileViews(this.downloads, part('scroll', HTMLElement))
    this.outgoing = new Outgoing(files)
    this.#log = new Log(rooms.current, files, {
      reachedEnd: () => this.#read(),
      wantsOlder: () => void this.#older(rooms.current),
      isOwn: (id) => this.#ownIds.has(id),
    })
    this.#people = new People((id) => id === client.id)
    this.#list = new RoomList((name) => this.leave(name))
    this.#link = new LinkView(client, (number) => client.volatile.emit('ping', number))
    this.#catchUp = new CatchUp(
      (words) => this.#link.back(words),
      (lines) => this.card.caughtUp(lines),
    )
    this.#entrance = new Entrance(client, rooms, (id) => this.#ownIds.has(id), {
      entered: (room, renewal) => this.#entered(room, renewal),
      failed: (room, early, reason) => this.#notEntered(room, early, reason),
    })
    this.#listenToRooms()
    this.#listenToLink()
    document.addEventListener('visibilitychange', () => this.#read())
    for (const room of rooms.list()) void this.#entrance.enter(room)
    this.show(rooms.current.name)
  }

  /** Enters the room, if this page is not in it. */
  show(name: string): void {
    const isNew = this.rooms.get(name) === undefined
    const room = this.rooms.show(name)
    if (isNew || room.stage.kind === 'failed') void this.#entrance.enter(room)
    this.typing.clear()
    part('title', HTMLElement).textContent = name
    this.#log.show(room)
    this.outgoing.show(name)
    this.#log.settle()
    this.#people.show(room.members)
    this.#list.show(this.rooms)
    this.rooms.save()
  }

  leave(name: string): void {
    this.rooms.remove(name)
    this.#list.show(this.rooms)
    this.rooms.save()
    this.client.emitWithAck('leave', name).catch(() => {
      // It was not in.
    })
  }

  /** Something of one's own stands below the log. */
  spoke(): void {
    this.typing.sent()
    this.rooms.current.read()
    this.rooms.current.unmark()
    this.#log.update()
    this.#log.toEnd()
  }

  happened(text: string): void {
    this.#log.happened(text)
  }

  // The rooms.

  #entered(room: Room, renewal: Renewal): void {
    this.#took(room)
    if (room === this.rooms.current) {
      if (renewal.kind === 'all') this.#log.show(room)
      else for (const said of renewal.lines) this.#log.said(said)
      this.#people.show(room.members)
    }
    this.#list.show(this.rooms)
  }

  #notEntered(room: Room, early: readonly Said[], reason: string): void {
    if (room === this.rooms.current) {
      for (const said of early) this.#log.said(said)
      this.#log.update()
    }
    this.notices.say(`${room.name} could not be entered: ${reason}`)
  }

  /** The name the server took this person by: a guest's was made there. */
  #took(room: Room): void {
    const name = this.client.id === null ? undefined : room.members.of(this.client.id)?.name
    if (name === undefined) return
    this.nick = name
    this.named(name)
  }

  async #older(room: Room): Promise<void> {
    try {
      room.prepend(await this.client.emitWithAck('older', room.name, room.before))
      if (room === this.rooms.current) this.#log.showOlder()
    } catch (error) {
      this.notices.say(`Earlier messages could not be fetched: ${reasonOf(error)}`)
    }
  }

  /** What is in sight, at the end of the log of a page that is looked at, is read. */
  #read(): void {
    const room = this.rooms.current
    if (document.hidden || !this.#log.follows || room.unread === 0) return
    room.read()
    this.#list.show(this.rooms)
  }

  #said(said: Said): void {
    const room = this.rooms.get(said.room)
    if (!room) return
    const isOwn = this.#ownIds.has(said.from)
    const isShown = room === this.rooms.current
    const isRead = isOwn || (isShown && !document.hidden && this.#log.follows)
    if (isOwn) this.#settled(said)
    this.typing.stopped(said.from)
    if (!room.said(said, isRead)) return
    if (!isOwn) this.#catchUp.line()
    if (isShown) {
      this.#log.said(said)
    }
    if (!isRead) this.#list.show(this.rooms)
  }

  #settled({ ref, file }: Said): void {
    const bytes = this.sentFiles.get(ref)
    if (file && bytes) this.downloads.keep(file.id, bytes)
    this.sentFiles.delete(ref)
    this.outgoing.settled(ref)
  }

  #listenToRooms(): void {
    const { client } = this
    client.on('said', (said) => this.#said(said))
    client.on('joined', (where, member) => this.#changed(where, member, `${member.data.name} arrived`))
    client.on('updated', (where, member) => {
      const before = this.rooms.get(where)?.members.of(member.id)?.name
      const isRenamed = before !== undefined && before !== member.data.name
      this.#changed(where, member, isRenamed ? `${before} is now ${member.data.name}` : null)
    })
    client.on('left', (where, { id, data }) => {
      const room = this.rooms.get(where)
      room?.members.gone(id)
      this.typing.stopped(id)
      if (room === this.rooms.current) this.#people.show(room.members)
      if (room === this.rooms.current && id !== client.id) this.happened(`${data.name} left`)
    })
    client.on('typing', ({ room, id, name }) => {
      if (room === this.rooms.current.name) this.typing.heard(id, name)
    })
    client.on('pong', (number, worker) => {
      this.#link.pong(number)
      if (worker !== null) this.card.livesIn(worker)
    })
  }

  #changed(where: string, { id, data }: Member<Public>, words: string | null): void {
    const room = this.rooms.get(where)
    room?.members.here({ id, ...data })
    if (!room || room !== this.rooms.current) return
    this.#people.show(room.members)
    if (id !== this.client.id && words !== null) this.happened(words)
  }

  // The link.

  #listenToLink(): void {
    const { client } = this
    client.on('state', () => this.#link.changed())
    client.on('connect', () => {
      if (client.id !== null) this.#ownIds.add(client.id)
      this.card.began()
    })
    client.on('resume', ({ missed }) => {
      this.card.resumed()
      this.#catchUp.begin(missed)
    })
    client.on('progress', (progress) => this.#catchUp.progress(progress))
    client.on('discontinuity', ({ code, pending }) => {
      this.#catchUp.abandon()
      this.card.lost(pending.length)
      this.happened(lostWords(code))
      for (const room of this.rooms.list()) void this.#entrance.enter(room)
    })
    client.on('close', ({ reason }) => {
      this.notices.say(`The session is over: ${reason}.`, {
        label: 'Start again',
        act: () => location.reload(),
      })
    })
  }
}
