/** How much may happen in a model. */
export interface Bounds {
  /** Counted messages each way. */
  readonly messages: number
  /** At a time. */
  readonly links: number
  /** Links that break though both ends hold them. */
  readonly cuts: number
  /** Links opened beside one that is in use or asks. */
  readonly races: number
  /** Times that the worker dies. */
  readonly restarts: number
  /** What it had written comes back. */
  readonly journal: boolean
  /** Times that a grace passes. */
  readonly expiries: number
  /** Further pages with the same key. */
  readonly takeovers: number
  /** Times that an application ends the session. */
  readonly ends: number
  /** Frames on their way past which a link takes no more of the worker; 0: it takes all. */
  readonly window: number
  /** The client's messages are questions. */
  readonly asks: boolean
  /** Several inputs may come in one turn of the worker. */
  readonly turns: boolean
}

export const LITTLE: Bounds = {
  messages: 1,
  links: 2,
  cuts: 1,
  races: 0,
  restarts: 0,
  journal: false,
  expiries: 0,
  takeovers: 0,
  ends: 0,
  window: 0,
  asks: false,
  turns: false,
}

/** Explored by every `npm test`, and how many states there are at least. */
export const SMALL: Readonly<Record<string, Bounds & { readonly floor: number }>> = {
  resume: { ...LITTLE, races: 1, floor: 3500 },
  'no journal': { ...LITTLE, cuts: 0, restarts: 1, expiries: 1, floor: 600 },
  journal: { ...LITTLE, cuts: 0, restarts: 1, expiries: 1, journal: true, floor: 1100 },
  'late hello': { ...LITTLE, messages: 0, restarts: 1, floor: 170 },
  expiry: { ...LITTLE, messages: 0, expiries: 1, floor: 1 },
  takeover: { ...LITTLE, messages: 0, takeovers: 1, floor: 650 },
  end: { ...LITTLE, cuts: 0, ends: 1, floor: 380 },
}

/** `model.ts --full`: up to an hour. */
export const FULL: Readonly<Record<string, Bounds>> = {
  'no journal': { ...LITTLE, messages: 3, cuts: 0, races: 1, restarts: 1 },
  journal: { ...LITTLE, messages: 2, cuts: 0, races: 1, restarts: 1, journal: true },
  'no journal, cut and expiry': { ...LITTLE, restarts: 1, expiries: 1 },
  'journal, cut and expiry': { ...LITTLE, restarts: 1, expiries: 1, journal: true },
  'journal, two deaths': { ...LITTLE, cuts: 0, restarts: 2, expiries: 1, journal: true },
  'journal, long turns': { ...LITTLE, restarts: 1, journal: true, turns: true },
  'journal, end': { ...LITTLE, cuts: 0, races: 1, restarts: 1, ends: 1, journal: true },
  'two cuts': { ...LITTLE, cuts: 2, races: 1 },
  expiry: { ...LITTLE, races: 1, expiries: 1 },
  takeover: { ...LITTLE, takeovers: 1 },
  'takeover and expiry': { ...LITTLE, cuts: 0, expiries: 1, takeovers: 1 },
  'takeover, and both speak': { ...LITTLE, messages: 2, cuts: 0, takeovers: 1 },
  end: { ...LITTLE, races: 1, ends: 1 },
  answers: { ...LITTLE, messages: 2, asks: true },
  'links that take one frame': { ...LITTLE, messages: 2, races: 1, window: 1 },
  'long turns': { ...LITTLE, messages: 2, turns: true },
  'three links': { ...LITTLE, cuts: 0, links: 3, races: 2 },
  resume: { ...LITTLE, messages: 3, races: 1 },
}
