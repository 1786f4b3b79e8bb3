/** Members of one server: connected, joined, and checked at the end for every delivery. */

import { pause, within } from '../support/until.ts'
import type { Dialect } from './dialects.ts'
import type { Job } from './job.ts'
import { coarse, Member, type Place } from './member.ts'
import { payloadOf, readPayload } from './payload.ts'

/** Connects under way at once. */
const ABREAST = 20
/** Members whose deliveries are read. */
const SAMPLED = 20
const TICK_MS = 50
/** Deliveries that have not moved for so long will not come. */
const STILL_MS = 3000
const DRAIN_MS = 60_000
/** Behind so many a server is warm. */
export const WARM_DELIVERIES = 100_000
const WARM_MAX_MS = 15_000
const ENTER_MS = 5000
const TRIES = 3

/** Runs `each` for 0 … count − 1, so many at once. */
export async function abreast(
  count: number,
  each: (i: number) => Promise<void>,
  width = ABREAST,
): Promise<void> {
  let next = 0
  const one = async (): Promise<void> => {
    while (next < count) await each(next++)
  }
  await Promise.all(Array.from({ length: Math.min(width, count) }, one))
}

/** Loopback has more addresses than one. */
export function addressOf(i: number): string {
  return `127.0.0.${2 + (i % 16)}`
}

export class Crowd {
  readonly members: Member[] = []
  readonly dialect: Dialect
  /** Latencies of sampled members, ms; null while nobody measures. */
  latencies: number[] | null = null
  readonly faults: string[] = []
  readonly #job: Job
  readonly #tick: NodeJS.Timeout
  /** By room: its members, and what was said there. */
  readonly #rooms: { readonly name: string; readonly members: number[]; said: number }[] = []
  #joins: 'one' | 'all' = 'one'
  /** By sender: how many messages. */
  readonly #said: number[] = []

  constructor(job: Job, dialect: Dialect) {
    this.#job = job
    this.dialect = dialect
    coarse.now = performance.now()
    this.#tick = setInterval(() => {
      coarse.now = performance.now()
      // Those that are not in yet are holes.
      this.members.forEach((member) => {
        if (member.dueAt <= coarse.now) member.tell()
      })
    }, TICK_MS)
  }

  get deliveries(): number {
    return sum(this.members.map(({ deliveries }) => deliveries))
  }

  get said(): number {
    return sum(this.#rooms.map(({ said }) => said))
  }

  /** @param segmentOf without one each member has its own */
  async connect(count: number, segmentOf = (i: number): string => `s${process.pid}-${i}`): Promise<void> {
    await abreast(count, async (i) => {
      const place = { port: this.#job.port, segment: segmentOf(i), from: addressOf(i), tls: this.#job.tls }
      this.members[i] = await this.#enter(place)
    })
  }

  /** A client that is not let in tries again; who loses connects is another workload's question. */
  async #enter(place: Place): Promise<Member> {
    for (let tries = 1; ; tries++) {
      const member = new Member(this.dialect, place)
      try {
        await within(member.enter(), ENTER_MS, 'a welcome')
        return member
      } catch (error) {
        member.destroy()
        if (tries === TRIES) throw error
      }
    }
  }

  /** Member i is in room i modulo their number, or in all. Sampled members are spread over all of them. */
  async gather(count: number, rooms: number, joins: 'one' | 'all' = 'one'): Promise<void> {
    this.#joins = joins
    const { affinity } = this.#job
    const segmentOf = (room: number): string => `t${process.pid}-${room}`
    for (let r = 0; r < rooms; r++) {
      const name = affinity ? `{${segmentOf(r)}}` : `r${r}`
      this.#rooms.push({ name, members: [], said: 0 })
    }
    await this.connect(count, affinity ? (i) => segmentOf(i % rooms) : undefined)
    await abreast(count, async (i) => {
      const mine = this.#rooms.filter((_, r) => joins === 'all' || r === i % rooms)
      for (const room of mine) room.members.push(i)
      await this.members[i]!.join(mine.map(({ name }) => name))
      this.#said[i] = 0
    })
    const stride = Math.max(1, Math.floor(count / SAMPLED))
    for (let i = 0; i < count && i < stride * SAMPLED; i += stride) this.sample(i)
    for (const member of this.members) member.count()
  }

  /** Each delivery of this member is read from now on: none missing, none twice, each sender's in order. */
  sample(i: number, own?: () => void): void {
    const member = this.members[i]!
    const { saidAt } = this.dialect
    const isNext = this.#joins === 'one' ? inOrder() : onlyOnce()
    member.onDelivery = (payload) => {
      const { sender, number, at } = readPayload(payload, saidAt)
      if (!isNext(sender, number)) this.#fault(`message ${number} of ${sender} is not the next one`)
      this.latencies?.push(performance.now() - at)
      if (sender === i) own?.()
    }
    member.count()
  }

  say(sender: number, room = sender % this.#rooms.length): void {
    const number = this.#said[sender]! + 1
    this.#said[sender] = number
    const { name } = this.#rooms[room]!
    this.#rooms[room]!.said += 1
    const payload = payloadOf({ sender, number, at: performance.now() })
    this.members[sender]!.send(this.dialect.say(name, payload))
  }

  /** So long, and until the server has done something often enough to be at its best, however slow the machine. */
  async warm(): Promise<void> {
    const began = performance.now()
    const passed = (): number => performance.now() - began
    await pause(this.#job.warmMs)
    while (this.deliveries < WARM_DELIVERIES && passed() < WARM_MAX_MS) await pause(20)
  }

  /** What each member should have got by now. */
  #expected(): number[] {
    const expected = this.members.map(() => 0)
    for (const { members, said } of this.#rooms) for (const i of members) expected[i]! += said
    return expected
  }

  /** Waits for all that was said, as long as any of it comes. */
  async drain(): Promise<void> {
    const all = sum(this.#expected())
    let [deliveries, movedAt] = [this.deliveries, performance.now()]
    const began = movedAt
    while (deliveries < all) {
      await pause(20)
      const now = performance.now()
      if (this.deliveries > deliveries) [deliveries, movedAt] = [this.deliveries, now]
      if (now - movedAt > STILL_MS || now - began > DRAIN_MS) return
    }
  }

  /** Holds what each member got against what was said in its rooms. */
  async check(): Promise<void> {
    await this.drain()
    // What comes twice comes late.
    await pause(200)
    const expected = this.#expected()
    const wrong = this.members.filter((member, i) => member.deliveries !== expected[i]).length
    if (wrong > 0)
      this.#fault(
        `${wrong} members did not get exactly what was said: ${this.deliveries} deliveries, not ${sum(expected)}`,
      )
    this.checkConnected()
  }

  checkConnected(): void {
    const ended = this.members.filter((member) => member.ended !== null)
    if (ended.length > 0) this.#fault(`${ended.length} members lost their connection: ${ended[0]!.ended}`)
  }

  close(): void {
    clearInterval(this.#tick)
    this.members.forEach((member) => {
      member.destroy()
    })
  }

  #fault(sentence: string): void {
    if (this.faults.length < 5) this.faults.push(sentence)
  }
}

/** Within one room each sender's messages come without a gap. */
function inOrder(): (sender: number, number: number) => boolean {
  const last = new Map<number, number>()
  return (sender, number) => {
    const isNext = number === (last.get(sender) ?? 0) + 1
    last.set(sender, number)
    return isNext
  }
}

/** Between rooms there is no order. */
function onlyOnce(): (sender: number, number: number) => boolean {
  const seen = new Set<string>()
  return (sender, number) => {
    const key = `${sender} ${number}`
    return !seen.has(key) && seen.add(key) !== null
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0)
}
