/**
 * What two hellos come to. Pure.
 *
 * The counts in a hello are about two memories, each named by its epoch. Both ends judge the same two sentences, "I am
 * A and speak of B" and "I am B and speak of A", so both find that the counts hold, or both find that they do not and
 * begin again at 0. Hence an end must make its own hello before it judges the other's.
 */
import type { BusHello } from './envelope.ts'

/** What an end knew when it made its hello. */
export interface GreetingView {
  /** Its own epoch. */
  readonly epoch: string
  /** The peer's epoch that its hello was about; empty for none. */
  readonly about: string
  /** Items of the peer in its memory. */
  readonly taken: number
  /** Of its outbox to the peer. */
  readonly base: number
  /** The outbox's rolling check at what the peer has taken; null where it was never at such a count. */
  readonly check: number | null
}

export type Verdict =
  /** The streams go on behind what the peer has taken. */
  | { readonly kind: 'continue' }
  /** Another memory than the one before, or the first one. `reset`: something of the one before has to go. */
  | { readonly kind: 'meet'; readonly reset: boolean }
  /**
   * The memories are the right ones, the counts impossible, or the items others. Only one end may see that: by resetting and by speaking of no
   * epoch from then on it makes the other begin again as well.
   */
  | { readonly kind: 'misfit' }

export function judge(hello: BusHello, view: GreetingView): Verdict {
  if (hello.about === view.epoch && hello.epoch === view.about) {
    const fits = hello.check === view.check && hello.received >= view.base
    return { kind: fits ? 'continue' : 'misfit' }
  }
  const foreign = view.about !== '' && view.about !== hello.epoch
  // What waits for a peer that was never met is kept.
  return { kind: 'meet', reset: foreign || view.taken > 0 || view.base > 0 }
}
