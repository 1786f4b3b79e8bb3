/** The application that runs when `bin/serve` is given none: rooms, names, history. An example to copy. */
import { randomBytes } from 'node:crypto'
import { type HistoryEntry, LimpetError, type Member, type Server } from '../index.ts'
import {
  NAME_MAX,
  type Person,
  type Public,
  ROOM_MAX,
  type Said,
  TEXT_MAX,
  type ToClient,
  type ToServer,
} from './events.ts'
import { chatPages, type Pages } from './files.ts'

export interface ChatData extends Public {
  /** The one room this session is in, null before the first `enter`. */
  room: string | null
}

const HISTORY = 100

export function chat(server: Server<ToServer, ToClient, ChatData>, pages: Pages = chatPages()): void {
  server.http(pages)
  // The room tells its members who comes, goes and takes another name.
  server.publicData('name')

  server.use((hello) => ({ name: nameIn(hello.auth) ?? guest(), room: null }))

  server.on('session', (session) => {
    const roomNow = (): string => {
      if (session.data.room === null) throw new LimpetError('no_room', 'enter a room first')
      return session.data.room
    }

    session.on('enter', async (wanted) => {
      const room = line(wanted, ROOM_MAX)
      if (room === null) throw new LimpetError('room_invalid', `a room name is 1 to ${ROOM_MAX} characters`)
      const former = session.data.room
      // Await first, then act: what follows the last await happens once, even if this process dies in between.
      await session.join(room, { presence: true })
      const [history, members] = await Promise.all([
        server.room(room).history({ limit: HISTORY }),
        server.room(room).members(),
      ]).catch(async (error: unknown) => {
        // Neither half in the new room nor out of the old one.
        if (room !== former) await session.leave(room)
        throw error
      })
      session.update({ room })
      if (former !== null && former !== room) void session.leave(former)
      return { history: history.entries.flatMap(saidIn), members: members.map(personIn) }
    })

    session.on('say', (given, ref) => {
      const text = textIn(given)
      if (text === null)
        throw new LimpetError('arguments_invalid', `a message is 1 to ${TEXT_MAX} characters`)
      if (line(ref, 32) !== ref) throw new LimpetError('arguments_invalid', 'a message needs a reference')
      const room = roomNow()
      const { name } = session.data
      session.to(room).emit('said', { room, from: session.id, name, ref, text, at: Date.now() })
    })

    session.on('nick', (given) => {
      const name = line(given, NAME_MAX)
      if (name === null) throw new LimpetError('name_refused', `a name is 1 to ${NAME_MAX} characters`)
      session.update({ name })
      return name
    })

    session.on('who', async () => (await server.room(roomNow()).members()).map(personIn))
  })
}

/** Trimmed, 1 to `max` characters, none of them a control character, at least one of them visible; else null. */
function line(value: unknown, max: number): string | null {
  if (typeof value !== 'string') return null
  const text = value.trim()
  const plain = text.length <= max && !/[\p{Cc}\p{Cs}]/u.test(text) && /[\p{L}\p{N}\p{P}\p{S}]/u.test(text)
  return plain ? text : null
}

function textIn(value: unknown): string | null {
  if (typeof value !== 'string') return null
  const text = value.trim()
  return text.length >= 1 && text.length <= TEXT_MAX ? text : null
}

function nameIn(auth: unknown): string | null {
  return typeof auth === 'object' && auth !== null && 'nick' in auth ? line(auth.nick, NAME_MAX) : null
}

function guest(): string {
  return `guest-${randomBytes(2).toString('hex')}`
}

/** What this app put into the room itself: it needs no second check. */
function saidIn(entry: HistoryEntry): Said[] {
  return entry.name === 'said' ? [entry.args[0] as Said] : []
}

function personIn(member: Member<Partial<Public>>): Person {
  return { id: member.id, name: String(member.data.name) }
}
