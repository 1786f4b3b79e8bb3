/** What a client needs of the page or process it runs in; handed in, so that tests can be both. */

import { toBase64 } from './base64.ts'
import type { Locks } from './keeper.ts'
import { type OpenLink, openLink } from './link.ts'

export type Cancel = () => void

/** Events of a browser's window. */
export interface Page extends Pick<EventTarget, 'addEventListener' | 'removeEventListener'> {
  isVisible(): boolean
}

export interface Surroundings {
  readonly openLink: OpenLink
  /** Milliseconds that only grow. */
  now(): number
  /** 0 ≤ x < 1 */
  random(): number
  setTimer(act: () => void, ms: number): Cancel
  /** 128 fresh random bits, base64url: 22 characters. */
  newToken(): string
  /** An error of the application's listeners reaches its usual place without taking the session with it. */
  report(error: unknown): void
  /** null outside of a browser. */
  readonly page: Page | null
  /** null where there are none: Node, pages of plain http. */
  readonly locks: Locks | null
}

export const surroundings: Surroundings = {
  openLink,
  now: () => performance.now(),
  random: () => Math.random(),
  setTimer: (act, ms) => {
    const timer = setTimeout(act, ms)
    return () => clearTimeout(timer)
  },
  newToken: () => base64url(crypto.getRandomValues(new Uint8Array(16))),
  // A page hears of it by its `error` event. Node has no reportError, and a throw would end the process.
  report: (error) => {
    if (typeof globalThis.reportError === 'function') globalThis.reportError(error)
    else console.error(error)
  },
  page: typeof globalThis.addEventListener === 'function' ? pageOf(globalThis) : null,
  locks: (globalThis.navigator as Partial<Navigator> | undefined)?.locks ?? null,
}

function pageOf(window: Window | typeof globalThis): Page {
  return {
    addEventListener: window.addEventListener.bind(window),
    removeEventListener: window.removeEventListener.bind(window),
    isVisible: () => typeof document === 'undefined' || document.visibilityState === 'visible',
  }
}

function base64url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

export interface PageWatcher {
  /** The network or the page is gone; what was said before stands until all of it is back. */
  away(isPage: boolean): void
  back(): unknown
  /** The link may have died unnoticed. `surely`: the network changed. */
  check(surely: boolean): void
}

/** Follows the network and the page's life; returns what stops it. */
export function watchPage(page: Page, isLocal: boolean, watcher: PageWatcher): Cancel {
  const missing = new Set<'network' | 'page'>()
  const leave = (what: 'network' | 'page'): void => {
    missing.add(what)
    watcher.away(what === 'page')
  }
  const comeBack = (what: 'network' | 'page'): void => {
    missing.delete(what)
    if (missing.size > 0) return
    watcher.back()
    watcher.check(what === 'network')
  }
  const handlers: Record<string, () => void> = {
    // A server on this very machine stays within reach.
    offline: () => isLocal || leave('network'),
    online: () => comeBack('network'),
    // An open connection may keep the page out of the browser's back-forward cache.
    pagehide: () => leave('page'),
    pageshow: () => comeBack('page'),
    visibilitychange: () => {
      if (page.isVisible() && missing.size === 0) watcher.check(false)
    },
  }
  for (const [name, handler] of Object.entries(handlers)) page.addEventListener(name, handler)
  return () => {
    for (const [name, handler] of Object.entries(handlers)) page.removeEventListener(name, handler)
  }
}
