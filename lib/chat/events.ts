/** The chat's events: one interface per direction, shared by the server's app and the page. */
import type { PresenceEvents } from '../wire/events.ts'

/** Characters (UTF-16 units) the app accepts; the page's inputs carry the same numbers. */
export const NAME_MAX = 32
export const ROOM_MAX = 64
export const TEXT_MAX = 2000
export const FILE_NAME_MAX = 120
/** Rooms that one session may be in at a time. */
export const ROOMS_MAX = 20
/** Pixels of a picture's side; a page draws no larger one. */
export const SIDE_MAX = 16_384
/** Messages in one answer of `enter` and `older`. */
export const HISTORY_PAGE = 50

/** What others may know of a session. */
export interface Public {
  name: string
  /** Its link is lost; the session waits. */
  away: boolean
}

export interface Person extends Public {
  /** Session id. */
  id: string
}

/** A file of a message. Its bytes are asked for part by part: `fetch(id, 0)` … `fetch(id, parts - 1)`. */
export interface Attachment {
  id: string
  /** As its author called it, one line: to be shown and to be saved under, never to be trusted. */
  name: string
  /** Bytes. */
  size: number
  parts: number
  /** Pixels, as its author's page read them; null: no picture. What the bytes are, the bytes say. */
  picture: { width: number; height: number } | null
}

export interface Said {
  room: string
  /** Session id of the author. */
  from: string
  name: string
  /** Chosen by the author's page: with `from` it names the line, so that nobody shows it twice. */
  ref: string
  /** Empty beside a file. */
  text: string
  /** Milliseconds since 1970, by the server's clock. */
  at: number
  file: Attachment | null
}

export interface Page {
  /** Oldest first. */
  lines: Said[]
  /** For `older`: what came before these lines. */
  before: number
  /** `more`: ask for it. `none`: the room begins here. `forgotten`: it is no longer kept. */
  earlier: 'more' | 'none' | 'forgotten'
}

export interface Entered extends Page {
  members: Person[]
}

export interface ToServer {
  /** Stays in the other rooms. Rejects with `room_invalid`, `room_limit`, `room_unavailable`. */
  enter(room: string): Entered
  leave(room: string): void
  /** Rejects with `no_room`, `arguments_invalid`, `room_unavailable`. */
  older(room: string, before: number): Page
  /** Rejects with `no_room`, `arguments_invalid`, `room_unavailable`. */
  say(room: string, text: string, ref: string): void
  /** Resolves to the name as it was taken. Rejects with `name_refused`. */
  nick(name: string): string
  /**
   * The bytes of a file, in order; part 0 begins another one. Rejects with `arguments_invalid`, `upload_lost`,
   * `file_too_large`, `room_unavailable`.
   */
  part(index: number, bytes: Uint8Array): void
  /** Shows the uploaded file to a room. Rejects with `no_room`, `arguments_invalid`, `upload_lost`, `room_unavailable`. */
  share(room: string, ref: string, name: string, picture: Attachment['picture']): void
  /** Rejects with `arguments_invalid`, `file_forgotten`, `room_unavailable`. */
  fetch(id: string, part: number): Uint8Array
  /** Volatile: somebody writes. */
  typing(room: string): void
  /** Volatile: answered by `pong` with the same number. */
  ping(number: number): void
  /** Kills the worker this session lives in, in demo mode. Rejects with `busy`; without demo mode with `no_handler`. */
  kill(): void
}

export interface ToClient extends PresenceEvents<Public> {
  said(line: Said): void
  /** Volatile. */
  typing(who: { room: string; id: string; name: string }): void
  /** Volatile. `worker`: the process this session lives in, in demo mode. */
  pong(number: number, worker: number | null): void
  /** Told to rooms nobody is in: their history keeps the parts of files. */
  part(bytes: Uint8Array): void
}

/** What the server tells the page in its HTML. */
export interface Settings {
  /** Largest file in bytes. */
  readonly fileBytes: number
  /** Largest part of one in bytes. */
  readonly partBytes: number
  /** Whether the page may kill workers. */
  readonly demo: boolean
}
