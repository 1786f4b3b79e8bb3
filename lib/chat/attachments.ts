/**
 * Files of the chat. Each part is the one message of a room nobody is in: the room's history keeps it, on whichever
 * worker and through its death, and forgets it by the limits of all empty rooms (`--empty-rooms`,
 * `--empty-rooms-bytes`). In a room of people one file would push out all that was said there.
 */
import { randomBytes } from 'node:crypto'
import { LimpetError, type MessageInfo, type Server, type Session } from '../index.ts'
import type { Attachment, Settings, ToClient, ToServer } from './events.ts'

/** A file that is being uploaded: kept with the session, so that it goes on in another process. */
export interface Upload {
  readonly id: string
  /** Bytes so far. */
  readonly size: number
  readonly parts: number
}

export type FileSettings = Pick<Settings, 'fileBytes' | 'partBytes'>

const PARTS_MAX = 1_000_000
/** base64url of 48 bytes: with it a room's name is longer than any that people may enter (ROOM_MAX). */
const ID = /^[A-Za-z0-9_-]{64}$/

type Rooms = Pick<Server<ToServer, ToClient>, 'to' | 'room'>
type Uploading = Pick<Session<ToServer, ToClient, { upload: Upload | null }>, 'on' | 'data' | 'update'>

/** Wires what one session does with files; `share` is the chat's. */
export function wireFiles(session: Uploading, rooms: Rooms, { fileBytes, partBytes }: FileSettings): void {
  session.on('part', (index: unknown, bytes: unknown) => {
    if (!(bytes instanceof Uint8Array) || bytes.length < 1 || bytes.length > partBytes)
      throw new LimpetError('arguments_invalid', `a part is 1 to ${partBytes} bytes`)
    const begun = index === 0 ? { id: newId(), size: 0, parts: 0 } : session.data.upload
    if (begun === null || begun.parts !== index)
      throw new LimpetError('upload_lost', 'the parts of a file come one after another')
    const size = begun.size + bytes.length
    if (size > fileBytes) throw new LimpetError('file_too_large', `a file is at most ${fileBytes} bytes`)
    rooms.to(roomOf(begun.id, index)).emit('part', bytes)
    session.update({ upload: { id: begun.id, size, parts: begun.parts + 1 } })
  })

  // Nothing follows from what it does, and a text need not wait behind a file.
  session.on('fetch', (id: unknown, part: unknown, _: MessageInfo) => fetchPart(rooms, id, part), {
    concurrent: true,
  })
}

async function fetchPart(rooms: Rooms, id: unknown, part: unknown): Promise<Uint8Array> {
  const isPart = Number.isInteger(part) && (part as number) >= 0 && (part as number) < PARTS_MAX
  if (typeof id !== 'string' || !ID.test(id) || !isPart)
    throw new LimpetError('arguments_invalid', 'there is no such part of a file')
  const { entries } = await rooms.room(roomOf(id, part as number)).history({ limit: 1 })
  const bytes = entries[0]?.args[0]
  if (!(bytes instanceof Uint8Array)) throw new LimpetError('file_forgotten', 'this file is no longer kept')
  return bytes
}

/** The uploaded file as a room is told of it. Throws LimpetError `upload_lost`. */
export function attachmentOf(
  upload: Upload | null,
  name: string,
  picture: Attachment['picture'],
): Attachment {
  if (upload === null) throw new LimpetError('upload_lost', 'no file was uploaded')
  return { ...upload, name, picture }
}

function roomOf(id: string, part: number): string {
  return `file/${id}/${part}`
}

/** Another one where the handler runs again after a crash: what the first run did then counts for nothing. */
function newId(): string {
  return randomBytes(48).toString('base64url')
}
