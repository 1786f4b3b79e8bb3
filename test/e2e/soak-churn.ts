/** Visitors that come and go, a few at a time, each in another way: in order, cut, mute, in the middle of a head. */
import type { Cluster } from '../support/cluster.ts'
import { openMember } from '../support/light-member.ts'
import { ask, rawConnect, request, upgradeRequest } from '../support/raw.ts'
import type { Random } from '../support/seed.ts'
import { pause } from '../support/until.ts'

const WAYS = [
  'closes',
  'closes',
  'is cut',
  'is cut',
  'is mute',
  'polls',
  'talks rubbish',
  'reads a page',
  'stalls',
] as const
export type Way = (typeof WAYS)[number]

export class Churn {
  /** How many came in each way. */
  readonly came = new Map<Way, number>()
  /** Who was not served, in words: a worker that dies cuts its visitors. */
  readonly failed = new Map<string, number>()
  readonly #cluster: Cluster
  readonly #random: Random
  readonly #everyMs: number
  readonly #lines: Promise<void>[] = []
  #over = false

  /** @param everyMs each of so many `lines` sends one as often */
  constructor(cluster: Cluster, lines: number, everyMs: number, random: Random) {
    this.#cluster = cluster
    this.#random = random
    this.#everyMs = everyMs
    for (let i = 0; i < lines; i++) this.#lines.push(this.#line())
  }

  /** Nobody comes any more; resolves when all have gone. */
  async end(): Promise<void> {
    this.#over = true
    await Promise.all(this.#lines)
  }

  async #line(): Promise<void> {
    while (!this.#over) {
      const way = this.#random.pick(WAYS)
      const began = performance.now()
      await this.#visit(way).catch((error: Error) => {
        const what = `${way}: ${error.message.slice(0, 60)}`
        this.failed.set(what, (this.failed.get(what) ?? 0) + 1)
      })
      this.came.set(way, (this.came.get(way) ?? 0) + 1)
      await pause(Math.max(0, began + this.#everyMs - performance.now()))
    }
  }

  async #visit(way: Way): Promise<void> {
    const { port, slots } = this.#cluster
    const segment = this.#cluster.segmentOn(this.#random.int(0, slots - 1))
    switch (way) {
      case 'closes':
      case 'is cut': {
        const member = await openMember(port, segment)
        member.emit('pid')
        if (way === 'closes') member.close()
        else member.socket.destroy()
        return
      }
      case 'is mute': {
        const connection = await rawConnect(port)
        connection.write(upgradeRequest(`/api/${segment}/?EIO=4&transport=websocket&limpet=1`))
        await connection.response()
        connection.destroy()
        return
      }
      case 'polls':
        await ask(port, request(`/api/${segment}/?EIO=4&transport=polling&limpet=1`))
        return
      case 'talks rubbish':
        await ask(port, this.#random.bytes(300))
        return
      case 'reads a page':
        await ask(port, request('/client.js'))
        return
      case 'stalls': {
        const connection = await rawConnect(port)
        connection.write(request('/').slice(0, 20))
        await pause(this.#everyMs)
        connection.destroy()
      }
    }
  }
}
