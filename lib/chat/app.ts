/**
 * The application that runs when `bin/serve` is given none: rooms, names, presence, history, files. An example to copy.
 */
import { randomBytes } from 'node:crypto'
import { type HistoryPage, LimpetError, type Member, type Server, type Session } from '../index.ts'
import { attachmentOf, type FileSettings, type Upload, wireFiles } from './attachments.ts'
import {
  HISTORY_PAGE,
  NAME_MAX,
  type Page,
  type Person,
  type Public,
  ROOM_MAX,
  ROOMS_MAX,
  type Said,
  TEXT_MAX,
  type ToClient,
  type ToServer,
} from './events.ts'
import type { Pages } from './files.ts'
import { fileNameIn, line, pictureIn, textIn } from './inputs.ts'

export interface ChatData extends Public {
  upload: Upload | null
}

/** Demo mode: anybody may kill the worker of their session, to watch it survive. */
export interface Demo {
  /** Milliseconds since this process was ready to die again. */
  aliveMs(): number
  kill(): void
  readonly worker: number
}

export interface ChatParts extends FileSettings {
  readonly pages: Pages
  readonly demo: Demo | null
}

type ChatServer = Server<ToServer, ToClient, ChatData>
type ChatSession = Session<ToServer, ToClient, ChatData>

/** A slot whose processes die too often ends the server: 20 times a minute, or five times before a second is over. */
const KILL_AFTER_MS = 5000
/** Pages say it every few seconds; who says it more often is not passed on. */
const TYPING_EVERY_MS = 1000

export function chat(server: ChatServer, { pages, demo, ...files }: ChatParts): void {
  server.http(pages)
  // A room tells its members who comes, goes, takes another name, and whose link is lost.
  server.publicData('name', 'away')

  server.use((hello) => ({ name: nameIn(hello.auth) ?? guest(), away: false, upload: null }))

  server.on('session', (session) => {
    wirePresence(session)
    wireRooms(session, server)
    wireTalk(session)
    wireFiles(session, server as unknown as Parameters<typeof wireFiles>[1], files)
    session.on('ping', (number) => {
      if (typeof number === 'number') session.volatile.emit('pong', number, demo?.worker ?? null)
    })
    if (demo) wireDemo(session, demo)
  })
}

function wirePresence(session: ChatSession): void {
  session.on('suspend', () => session.update({ away: true }))
  session.on('resume', () => session.update({ away: false }))

  session.on('nick', (given) => {
    const name = line(given, NAME_MAX)
    if (name === null) throw new LimpetError('name_refused', `a name is 1 to ${NAME_MAX} characters`)
    session.update({ name })
    return name
  })
}

function wireRooms(session: ChatSession, server: ChatServer): void {
  session.on('enter', async (wanted) => {
    const room = line(wanted, ROOM_MAX)
    if (room === null) throw new LimpetError('room_invalid', `a room name is 1 to ${ROOM_MAX} characters`)
    const isNew = !session.rooms.has(room)
    if (isNew && session.rooms.size >= ROOMS_MAX)
      throw new LimpetError('room_limit', `${ROOMS_MAX} rooms at a time: leave one first`)
    await session.join(room, { presence: true })
    const [page, members] = await Promise.all([
      server.room(room).history({ limit: HISTORY_PAGE }),
      server.room(room).members(),
    ]).catch(async (error: unknown) => {
      // Who is told that it failed is not in.
      if (isNew) await session.leave(room)
      throw error
    })
    return { ...pageOf(page), members: members.map(personIn) }
  })

  session.on('leave', (given) => session.leave(roomOf(session, given)))

  session.on('older', async (given, before) => {
    const room = roomOf(session, given)
    return pageOf(await server.room(room).history({ limit: HISTORY_PAGE, before }))
  })
}

function wireTalk(session: ChatSession): void {
  let typedAt = Number.NEGATIVE_INFINITY

  const tell = (room: string, ref: unknown, what: Pick<Said, 'text' | 'file'>): void => {
    if (typeof ref !== 'string' || line(ref, 32) !== ref)
      throw new LimpetError('arguments_invalid', 'a message needs a reference')
    // Who speaks is here: `resume` may have failed to say so, where a room could not be reached.
    if (session.data.away) session.update({ away: false })
    const { name } = session.data
    session.to(room).emit('said', { room, from: session.id, name, ref, at: Date.now(), ...what })
  }

  session.on('say', (given, words, ref) => {
    const room = roomOf(session, given)
    const text = textIn(words)
    if (text === null) throw new LimpetError('arguments_invalid', `a message is 1 to ${TEXT_MAX} characters`)
    tell(room, ref, { text, file: null })
  })

  session.on('share', (given, ref, called, size) => {
    const room = roomOf(session, given)
    const name = fileNameIn(called) ?? 'unnamed'
    const picture = pictureIn(size)
    if (picture === undefined)
      throw new LimpetError('arguments_invalid', 'a picture has a width and a height')
    tell(room, ref, { text: '', file: attachmentOf(session.data.upload, name, picture) })
    session.update({ upload: null })
  })

  session.on('typing', (given) => {
    const room = roomOf(session, given)
    if (performance.now() - typedAt < TYPING_EVERY_MS) return
    typedAt = performance.now()
    const { name } = session.data
    session.to(room).except(session.id).volatile.emit('typing', { room, id: session.id, name })
  })
}

function wireDemo(session: ChatSession, demo: Demo): void {
  session.on('kill', (...args) => {
    // It has done what it was to do: this process is the next one. The last argument alone is not the client's.
    if (args.at(-1)!.redelivered) return
    if (demo.aliveMs() < KILL_AFTER_MS)
      throw new LimpetError('busy', 'this worker has just been born: kill it in a few seconds')
    demo.kill()
  })
}

/** Throws LimpetError `no_room`. */
function roomOf(session: ChatSession, given: unknown): string {
  if (typeof given === 'string' && session.rooms.has(given)) return given
  throw new LimpetError('no_room', 'enter the room first')
}

function nameIn(auth: unknown): string | null {
  return typeof auth === 'object' && auth !== null && 'nick' in auth ? line(auth.nick, NAME_MAX) : null
}

function guest(): string {
  return `guest-${randomBytes(2).toString('hex')}`
}

/** What this app put into the room itself: it needs no second check. */
function pageOf({ entries, earlier }: HistoryPage): Page {
  const lines = entries.flatMap(({ name, args }) => (name === 'said' ? [args[0] as Said] : []))
  return { lines, before: entries[0]?.number ?? 1, earlier }
}

function personIn({ id, data }: Member<Partial<Public>>): Person {
  return { id, name: String(data.name), away: data.away === true }
}
