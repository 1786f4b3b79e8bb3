/**
 * `npm run storm -- --sessions 2000 --workers 2`: all workers are killed at once (`--primary`: the whole
 * server; `--cut`: all links are cut instead); how long it takes until everybody is back, and at what price. Exits 1
 * with a finding, or where somebody is late. What stands behind `--` goes to the server.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Cluster, steadyPort } from '../support/cluster.ts'
import { ROOT } from '../support/root.ts'
import { pause, until } from '../support/until.ts'
import { RUNS_ENV } from './runs.ts'
import { type StormFigures, StormPeer } from './storm-peer.ts'

const BAR_MS = 30_000
const PATIENCE_MS = Number(process.env.PATIENCE_MS ?? 120_000)
/** So many connect at a time in the beginning. */
const STEP = 50
const ADDRESSES = 8

const { values, positionals } = parseArgs({
  options: {
    sessions: { type: 'string', default: '2000' },
    workers: { type: 'string', default: '2' },
    /** Messages of all sessions together, per second. */
    rate: { type: 'string', default: '400' },
    storms: { type: 'string', default: '2' },
    primary: { type: 'boolean', default: false },
    cut: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const [sessions, workers, rate, storms] = [values.sessions, values.workers, values.rate, values.storms].map(
  Number,
) as [number, number, number, number]

const delays = mkdtempSync('/tmp/limpet-delays-')
const cluster = new Cluster({
  app: 'chaos',
  workers,
  args: positionals,
  port: await steadyPort(),
  env: { ...RUNS_ENV, LOOP_DELAYS: delays },
  node: ['--import', join(ROOT, 'test/support/loop-preload.js')],
})
const figures: StormFigures = { dials: 0, refused: new Map(), told: new Map(), wrong: [] }
let away = new Set<StormPeer>()
let killedAt = 0
const back: number[] = []
const welcomed = (peer: StormPeer): void => {
  if (away.delete(peer)) back.push(performance.now() - killedAt)
}
let peers: StormPeer[] = []
let load: NodeJS.Timeout | undefined

/** Highest resident memory so far of each process, MB. */
function peaks(): number[] {
  return [cluster.pid, ...cluster.workers()].map((pid) => {
    const [, kb] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Math.round(Number(kb) / 1024)
  })
}

/** How late the event loop of each process was since the last call: 99th percentile/longest, ms. */
async function lateness(): Promise<string[]> {
  const pids = [cluster.pid, ...cluster.workers()]
  const files = pids.map((pid) => join(delays, String(pid)))
  for (const file of files) rmSync(file, { force: true })
  for (const pid of pids) process.kill(pid, 'SIGUSR2')
  await until(() => files.every(existsSync), PATIENCE_MS, 'the delays')
  return files.map((file) => {
    const { p99, max } = JSON.parse(readFileSync(file, 'utf8')) as { p99: number; max: number }
    return `${p99}/${max}`
  })
}

function startLoad(): void {
  let at = 0
  load = setInterval(() => {
    for (let i = 0; i < rate / 20; i++) {
      const peer = peers[at++ % peers.length]!
      peer.emit('up', peer.sent + 1, 'a message')
    }
  }, 50)
}

async function storm(): Promise<void> {
  figures.dials = 0
  figures.refused.clear()
  figures.told.clear()
  back.length = 0
  away = new Set(peers)
  await lateness()
  killedAt = performance.now()
  const cpu = process.cpuUsage()
  if (values.primary) {
    await cluster.crash()
    cluster.again()
  } else if (values.cut) for (const peer of peers) peer.cut()
  else for (const pid of cluster.workers()) process.kill(pid, 'SIGKILL')
  // Those whose link still lives have not noticed.
  await until(() => away.size === 0, PATIENCE_MS, 'everybody back').catch((error: Error) =>
    figures.wrong.push(`${error.message}: ${away.size} are away`),
  )
  const { user, system } = process.cpuUsage(cpu)
  const share = (user + system) / 10 / (performance.now() - killedAt)
  back.sort((a, b) => a - b)
  const at = (share: number): string => `${Math.round(back[Math.ceil(share * back.length) - 1] ?? -1)} ms`
  console.log(`back: 50 % after ${at(0.5)}, 99 % ${at(0.99)}, 100 % ${at(1)}`)
  console.log(`late, ms, 99 %/longest: primary and workers ${(await lateness()).join(', ')}`)
  console.log(`the generator used ${Math.round(share)} % of a core`)
  console.log(`peak memory, MB: primary and workers ${peaks().join(', ')}`)
  console.log(`${figures.dials} dials; refused ${show(figures.refused)}; told ${show(figures.told)}`)
  if ((back.at(-1) ?? 0) > BAR_MS) figures.wrong.push(`the last one came back after ${at(1)}`)
}

const show = (counts: Map<string, number>): string => JSON.stringify(Object.fromEntries(counts))

try {
  await cluster.ready()
  peers = Array.from({ length: sessions }, (_, i) => {
    const address = `127.0.0.${2 + (i % ADDRESSES)}`
    return new StormPeer(cluster.port, cluster.segmentOn(i % workers), address, figures, welcomed)
  })
  for (let i = 0; i < sessions; i += STEP) {
    const some = peers.slice(i, i + STEP)
    for (const peer of some) peer.dial()
    await until(() => some.every(({ connected }) => connected), PATIENCE_MS, 'the first welcome')
  }
  for (const peer of peers) peer.emit('up', 1, 'a message')
  await until(() => peers.every(({ took }) => took === 1), PATIENCE_MS, 'a first message')
  console.log(
    `${sessions} sessions on ${workers} workers, ${rate} messages/s; memory, MB: ${peaks().join(', ')}`,
  )
  startLoad()
  for (let n = 0; n < storms; n++) {
    await pause(2000)
    await storm()
  }
  clearInterval(load)
  await until(() => peers.every((peer) => peer.took === peer.sent), PATIENCE_MS, 'all messages').catch(
    (error: Error) => figures.wrong.push(error.message),
  )
  const sent = peers.reduce((sum, peer) => sum + peer.sent, 0)
  console.log(`${sent} messages, ${figures.wrong.length} findings`)
  for (const wrong of figures.wrong.slice(0, 20)) console.log(wrong)
  process.exitCode = figures.wrong.length > 0 ? 1 : 0
} finally {
  clearInterval(load)
  for (const peer of peers) peer.close()
  await cluster.stop()
  rmSync(delays, { recursive: true })
}
