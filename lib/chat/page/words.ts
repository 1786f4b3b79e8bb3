/** What the page says, and what it reads from its URL. Pure. */
import { ROOM_MAX } from '../events.ts'

export type LinkState = 'connecting' | 'connected' | 'recovering' | 'suspended' | 'closed'

export interface LinkWords {
  readonly text: string
  readonly tone: 'good' | 'wait' | 'bad'
}

/** @param online what the browser says of its network: it knows of a pulled cable before any timeout does */
export function linkWords(state: LinkState, online: boolean): LinkWords {
  if (state === 'closed') return { text: 'over: reload to begin again', tone: 'bad' }
  if (state === 'connected') return { text: 'connected', tone: 'good' }
  if (!online) return { text: 'you are offline', tone: 'bad' }
  return { text: state === 'connecting' ? 'connecting…' : 'reconnecting…', tone: 'wait' }
}

/** @param caughtUp messages of others that came while the link was away */
export function backWords(caughtUp: number): LinkWords {
  if (caughtUp === 0) return { text: 'back: nothing missed', tone: 'good' }
  return { text: `back: ${caughtUp} ${caughtUp === 1 ? 'message' : 'messages'} caught up`, tone: 'good' }
}

/** What became of a message whose sending failed. */
export function fateWords(error: unknown): string {
  const code = codeOf(error)
  if (code === 'not_delivered') return 'not delivered'
  if (code === 'unknown') return 'the session was lost: perhaps delivered'
  return `not sent: ${reasonOf(error)}`
}

export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** `#tide%20pool` → `tide pool`; without a name it is the lobby. */
export function roomIn(hash: string): string {
  const raw = hash.replace(/^#/, '')
  let name = raw
  try {
    name = decodeURIComponent(raw)
  } catch {
    // A stray % was typed into the address bar: then the name is what was typed.
  }
  return name.trim().slice(0, ROOM_MAX).trim() || 'lobby'
}

/** One of the eight colours of style.css, the same for a name on every page. */
export function hueOf(name: string): string {
  let sum = 0
  for (let i = 0; i < name.length; i++) sum = (sum * 31 + name.charCodeAt(i)) >>> 0
  return `hue-${sum % 8}`
}
