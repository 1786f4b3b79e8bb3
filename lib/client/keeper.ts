/**
 * Keeps a session over a reload of its page. A page that leaves writes down what the next one needs; that one takes it out
 * again, so that a copy of the storage (a duplicated tab) holds nothing while the page lives. And the page that owns a
 * session holds a Web Lock: a copy made while nothing lived must not take the session from whoever was faster.
 */
import { encodeSnapshot, parseSnapshot, type Snapshot } from './snapshot.ts'

/** `sessionStorage`, or what is like it. */
export interface Vault {
  getItem(name: string): string | null
  setItem(name: string, value: string): void
  removeItem(name: string): void
}

/** `navigator.locks`. */
export interface Locks {
  request(name: string, options: { signal: AbortSignal }, held: () => Promise<void>): Promise<unknown>
}

/** A page that is reloaded may let go of its lock a moment after the next one asks for it. */
const LOCK_WAIT_MS = 1000

export class Keeper {
  readonly #vault: Vault
  readonly #item: string
  readonly #locks: Locks | null
  readonly #newToken: () => string
  #owner: string
  #release: (() => void) | null = null
  /** What is written down while the page is away; null while it is here. */
  #written: string | null = null
  #isAsking = false

  /** @param url what `connect` was given: a page may have clients for several servers */
  constructor(vault: Vault, url: string, locks: Locks | null, newToken: () => string) {
    this.#vault = vault
    this.#item = `limpet ${url}`
    this.#locks = locks
    this.#newToken = newToken
    this.#owner = newToken()
  }

  get owner(): string {
    return this.#owner
  }

  /** The page is away: what it does now is for the next one. */
  get isAway(): boolean {
    return this.#written !== null
  }

  /** What an earlier page left. @param segment the one the application asks for, if any */
  take(segment: string | undefined): Snapshot | null {
    const text = this.#vault.getItem(this.#item)
    this.#vault.removeItem(this.#item)
    const snapshot = text === null ? null : parseSnapshot(text)
    if (snapshot === null || (segment !== undefined && segment !== snapshot.segment)) return null
    this.#owner = snapshot.owner
    return snapshot
  }

  /** @returns false where another page has the session; then this one has the lock of its own next session */
  async own(): Promise<boolean> {
    if (await this.#lock()) return true
    this.#owner = this.#newToken()
    await this.#lock()
    return false
  }

  /** The page goes away, or does more while it is away. Without a snapshot, or where it does not fit, the next one begins anew. */
  leave(snapshot: Snapshot | null): void {
    // What the page behind this one has left is not to be written over unseen.
    if (this.#isAsking) return
    this.#written = snapshot ? encodeSnapshot(snapshot) : ''
    try {
      this.#vault.setItem(this.#item, this.#written)
    } catch {
      // What may be there is older, and counts wrong.
      this.#vault.removeItem(this.#item)
    }
    this.#letGo()
  }

  /**
   * The page is back as it was. A page behind it may not have left yet: its lock says when it has.
   * @returns `same`: nobody had the session meanwhile; a snapshot: a page after this one left it; `lost`: somebody has it
   */
  async comeBack(): Promise<Snapshot | 'same' | 'lost'> {
    const written = this.#written
    this.#written = null
    this.#isAsking = true
    const isFree = await this.#lock()
    this.#isAsking = false
    const text = isFree ? this.#vault.getItem(this.#item) : null
    if (text !== null) this.#vault.removeItem(this.#item)
    if (isFree && text === written) return 'same'
    const snapshot = text === null ? null : parseSnapshot(text)
    if (snapshot?.owner === this.#owner) return snapshot
    this.#letGo()
    this.#owner = this.#newToken()
    await this.#lock()
    return 'lost'
  }

  /** The session is over. */
  forget(): void {
    if (this.#written !== null) this.#vault.removeItem(this.#item)
    this.#letGo()
  }

  #letGo(): void {
    this.#release?.()
    this.#release = null
  }

  #lock(): Promise<boolean> {
    const locks = this.#locks
    if (!locks) return Promise.resolve(true)
    return new Promise((resolve) => {
      const held = (): Promise<void> => {
        resolve(true)
        if (this.isAway) return Promise.resolve()
        return new Promise((release) => {
          this.#release = release
        })
      }
      const signal = AbortSignal.timeout(LOCK_WAIT_MS)
      locks.request(`limpet ${this.#owner}`, { signal }, held).catch(() => resolve(false))
    })
  }
}
