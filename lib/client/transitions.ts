/** Every way a client's state may change, with its reason. Tests and simulation hold the client against it. */
import type { StateName } from './effects.ts'

export const TRANSITIONS: { readonly [From in StateName]: readonly StateName[] } = {
  connecting: [
    'connected', // the first welcome
    'suspended', // the network or the page went away before it
    'closed', // closed by us, or refused
  ],
  connected: [
    'recovering', // the only link is lost, or the session on it is gone
    'suspended', // the network or the page went away
    'closed', // closed by either side, or taken over by another page
  ],
  recovering: [
    'connected', // welcome: the same session again, or the first of a new one after a discontinuity
    'suspended', // the network or the page went away
    'closed', // closed by either side, or taken over by another page
  ],
  suspended: [
    'connecting', // the network or the page is back; no session was ever welcomed
    'recovering', // the network or the page is back; a session waits
    'closed', // closed by us
  ],
  closed: [],
}

/** Throws where a change is not in the table: a bug of ours. */
export function assertTransition(from: StateName, to: StateName): void {
  if (!TRANSITIONS[from].includes(to)) throw new Error(`no transition from ${from} to ${to}`)
}
