/**
 * Keep-alive through a real reverse proxy: few connections to the servers carry requests and upgrades of many segments,
 * and each of them arrives where its segment lives.
 */
import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { slotOfSid } from '../../lib/placement.ts'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { type RawConnection, rawConnect, request, upgradeRequest } from '../support/raw.ts'
import { type ProxyName, programOf, startReverseProxy } from '../support/reverse-proxy.ts'
import { type Random, seeded } from '../support/seed.ts'

const SEGMENTS = 40
/** Connections to the proxy, each of which carries anybody's requests, too. */
const CLIENTS = 10
/** A few in every `npm test`; REQUESTS=2000 for a thorough run. */
const REQUESTS = Number(process.env.REQUESTS ?? 600)
/** Of all visits; the others are a post and a poll. */
const UPGRADES = 0.3

/** One raw session over polling; `segment` also for WebSockets beside it. */
interface Visitor {
  readonly segment: string
  readonly sid: string
  /** The process that must answer. */
  readonly pid: string
}

class Run {
  requests = 0
  upgrades = 0
  readonly findings: string[] = []
  readonly #port: number
  readonly #owners: readonly { readonly cluster: Cluster; readonly pids: readonly number[] }[]
  readonly #random: Random

  constructor(port: number, clusters: readonly Cluster[], random: Random) {
    this.#port = port
    this.#owners = clusters.map((cluster) => ({ cluster, pids: cluster.workers() }))
    this.#random = random
  }

  async go(upgrades: number): Promise<void> {
    const connections = await Promise.all(Array.from({ length: CLIENTS }, () => rawConnect(this.#port)))
    const idle: Visitor[] = []
    for (let i = 0; i < SEGMENTS; i++) idle.push(await this.#enter(connections[i % CLIENTS]!))
    const work = async (connection: RawConnection, n: number): Promise<void> => {
      while (this.requests < REQUESTS) {
        const [visitor] = idle.splice(this.#random.int(0, idle.length - 1), 1)
        if (this.#random.chance(upgrades)) await this.#upgrade(visitor!)
        else await this.#talk(connection, visitor!, `${n} ${this.requests}`)
        idle.push(visitor!)
      }
    }
    await Promise.all(connections.map(work))
    for (const connection of connections) connection.destroy()
  }

  async #ask(connection: RawConnection, text: string): Promise<string> {
    this.requests += 1
    connection.write(text)
    const { status, body } = await connection.response()
    if (status !== 200) this.#found(`${status} ${body}: ${text.slice(0, 100)}`)
    return String(body)
  }

  async #enter(connection: RawConnection): Promise<Visitor> {
    const segment = randomBytes(16).toString('base64url')
    const path = `/api/${segment}/?EIO=4&transport=polling`
    const open = await this.#ask(connection, request(path))
    const { sid } = JSON.parse(open.slice(1)) as { sid: string }
    await this.#ask(connection, request(`${path}&sid=${sid}`, { method: 'POST', body: '4pid' }))
    const said = await this.#ask(connection, request(`${path}&sid=${sid}`))
    const pid = said.slice(1, said.indexOf(' '))
    const cluster = this.#owners.find(({ pids }) => pids.includes(Number(pid)))?.cluster
    if (!cluster || slotOfSid(sid) !== cluster.slotOf(segment))
      this.#found(`${segment} is at ${sid}, ${said}`)
    return { segment, sid, pid }
  }

  async #talk(connection: RawConnection, { segment, sid, pid }: Visitor, text: string): Promise<void> {
    const path = `/api/${segment}/?EIO=4&transport=polling&sid=${sid}`
    await this.#ask(connection, request(path, { method: 'POST', body: `4${text}` }))
    const said = await this.#ask(connection, request(path))
    if (said !== `4${pid} ${text}`) this.#found(`'${said}' for '${text}' at ${pid}`)
  }

  async #upgrade({ segment, pid }: Visitor): Promise<void> {
    this.requests += 1
    this.upgrades += 1
    const connection = await rawConnect(this.#port)
    connection.write(upgradeRequest(`/api/${segment}/?EIO=4&transport=websocket`))
    const { status, body } = await connection.response()
    if (status !== 101) return this.#found(`an upgrade was answered with ${status} ${body}`)
    await connection.frame()
    connection.sendFrame('4hello')
    const said = String((await connection.frame()).payload)
    if (said !== `4${pid} hello`) this.#found(`'${said}' on a WebSocket of ${pid}`)
    connection.destroy()
  }

  #found(finding: string): void {
    this.findings.push(finding)
  }
}

export async function throughProxy(t: Test, name: ProxyName): Promise<void> {
  if (programOf(name) === null) {
    t.pass(`${name} is not installed`, { skip: `${name} is not installed` })
    return
  }
  // A ping between a post and its poll would be taken for an answer.
  const args = ['--ping-interval-ms', '600000']
  const start = (): Promise<Cluster> => startCluster(t, { app: 'field', workers: 2, args })
  const clusters = await Promise.all([start(), start()])
  for (const hash of [true, false]) {
    const behind = hash ? clusters : clusters.slice(0, 1)
    for (const [kind, upgrades] of [['plain', 0] as const, ['with WebSockets', UPGRADES] as const]) {
      const title = `${kind}, ${hash ? 'two servers by the segment' : 'one server'}`
      await t.test(title, async (t) => {
        const random = seeded(t)
        const proxy = await startReverseProxy(t, name, { ports: behind.map(({ port }) => port), hash })
        const run = new Run(proxy.port, behind, random)
        const began = performance.now()
        await run.go(upgrades)
        const ms = Math.round(performance.now() - began)
        t.comment(`${run.requests} requests, ${run.upgrades} of them upgrades, in ${ms} ms`)
        t.same(run.findings.slice(0, 5), [], 'nothing is misdelivered or refused')
        t.ok(run.requests >= REQUESTS)
        t.ok(upgrades === 0 || run.upgrades > 0)
      })
    }
  }
  for (const cluster of clusters) t.same(cluster.complaints(), [])
}
