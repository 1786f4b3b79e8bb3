/** What the page says, and what it reads from its URL. Pure. */
import { CODES, isCode } from '../../wire/codes.ts'
import { ROOM_MAX } from '../events.ts'

export type LinkState = 'connecting' | 'connected' | 'recovering' | 'suspended' | 'closed'

export interface LinkWords {
  readonly text: string
  readonly tone: 'good' | 'wait' | 'bad'
}

/**
 * @param online what the browser says of its network: it knows of a pulled cable before any timeout does
 * @param retryInMs until the next try; null while one is under way
 */
export function linkWords(state: LinkState, online: boolean, retryInMs: number | null = null): LinkWords {
  if (state === 'closed') return { text: 'over: reload to begin again', tone: 'bad' }
  if (state === 'connected') return { text: 'connected', tone: 'good' }
  if (!online) return { text: 'you are offline', tone: 'bad' }
  const what = state === 'connecting' ? 'connecting' : 'reconnecting'
  // Less than that is over before it is read.
  if (retryInMs === null || retryInMs < 500) return { text: `${what}…`, tone: 'wait' }
  return { text: `${what} in ${Math.ceil(retryInMs / 1000)} s`, tone: 'wait' }
}

/** @param caughtUp messages of others that came while the link was away */
export function backWords(caughtUp: number): LinkWords {
  if (caughtUp === 0) return { text: 'back: nothing missed', tone: 'good' }
  return { text: `back: ${counted(caughtUp, 'message')} caught up`, tone: 'good' }
}

export function lostWords(code: string): string {
  return `The session was lost: ${isCode(code) ? CODES[code].text : code}. A new one began.`
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

export function typingWords(names: readonly string[]): string {
  const [first, second, ...more] = names
  if (first === undefined) return ''
  if (second === undefined) return `${first} is typing…`
  return more.length === 0 ? `${first} and ${second} are typing…` : `${names.length} people are typing…`
}

/** `4 messages`, `1 message`. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`
}

/** `712 B`, `34 kB`, `1.2 MB`: of 1000, as file managers count. */
export function sizeWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 999_500) return `${Math.round(bytes / 1000)} kB`
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}

export function ageWords(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 1) return 'under a minute'
  if (minutes < 60) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
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

/** One of the eight colours of colours.css, the same for a name on every page. */
export function hueOf(name: string): string {
  let sum = 0
  for (let i = 0; i < name.length; i++) sum = (sum * 31 + name.charCodeAt(i)) >>> 0
  return `hue-${sum % 8}`
}

/** What stands for a name where there is room for one character: whole, whatever it is made of. */
export function initialOf(name: string): string {
  const [first] = new Intl.Segmenter().segment(name.trim())
  return (first?.segment ?? '?').toLocaleUpperCase()
}
