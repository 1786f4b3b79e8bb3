/**
 * Seeded randomness, so that a red run can be repeated: each test file prints its seed, and `SEED=<number>` in the
 * environment brings the same choices back.
 */
import { randomInt } from 'node:crypto'

export interface Random {
  readonly seed: number
  /** 0 ≤ x < 1 */
  next(): number
  /** A whole number, both ends included. */
  int(min: number, max: number): number
  /** True with this probability. */
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
  bytes(length: number): Uint8Array
  /** A generator of its own, so that one user's number of draws does not move another's. */
  fork(): Random
}

/** Prints the seed through `t.comment`, or takes `SEED` from the environment. */
export function seeded(t: { comment(...args: unknown[]): void }): Random {
  const given = process.env.SEED
  const seed = given === undefined ? randomInt(2 ** 32) : Number(given)
  if (!Number.isInteger(seed)) throw new Error(`SEED must be a whole number, not ${given}`)
  t.comment(`SEED=${seed}`)
  return randomFrom(seed)
}

/** mulberry32 */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  const uint32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return (x ^ (x >>> 14)) >>> 0
  }
  const next = (): number => uint32() / 2 ** 32
  const int = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1))
  return {
    seed,
    next,
    int,
    chance: (probability) => next() < probability,
    pick: (items) => items[int(0, items.length - 1)]!,
    bytes: (length) => Uint8Array.from({ length }, () => int(0, 255)),
    fork: () => randomFrom(uint32()),
  }
}
