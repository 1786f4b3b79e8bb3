/** The chat's events: one interface per direction, shared by the server's app and the page. */
import type { PresenceEvents } from '../wire/events.ts'

/** Characters (UTF-16 units) the app accepts; the page's inputs carry the same numbers. */
export const NAME_MAX = 32
export const ROOM_MAX = 64
export const TEXT_MAX = 2000

export interface Person {
  /** Session id. */
  id: string
  name: string
}

export interface Said {
  room: string
  /** Session id of the author. */
  from: string
  name: string
  /** Chosen by the author's page: with `from` it names the line, so that nobody shows it twice. */
  ref: string
  text: string
  /** Milliseconds since 1970, by the server's clock. */
  at: number
}

export interface Entered {
  /** Oldest first. */
  history: Said[]
  members: Person[]
}

export interface ToServer {
  /** Leaves the former room. Rejects with `room_invalid`, `room_unavailable`. */
  enter(room: string): Entered
  /** Rejects with `arguments_invalid`, `no_room`, `room_unavailable`. */
  say(text: string, ref: string): void
  /** Resolves to the name as it was taken. Rejects with `name_refused`. */
  nick(name: string): string
  /** Who is in the room now. Rejects with `no_room`, `room_unavailable`. */
  who(): Person[]
}

/** What others may know of a session. */
export interface Public {
  name: string
}

export interface ToClient extends PresenceEvents<Public> {
  said(line: Said): void
}
