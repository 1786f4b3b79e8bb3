/**
 * `node --import=tsx test/e2e/storm.ts --sessions 2000 --workers 2`: all workers are killed at once; how long it takes
 * until everybody is back, and at what price. Exits 1 with a finding, or where somebody is late.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Cluster, steadyPort } from '../support/cluster.ts'
import { pause, until } from '../support/until.ts'
import { RUNS_ENV } from './runs.ts'
import { type StormFigures, StormPeer } from './storm-peer.ts'

const BAR_MS = 30_000
const PATIENCE_MS = Number(process.env.PATIENCE_MS ?? 120_000)
/** So many connect at a time in the beginning. */
const STEP = 50
const ADDRESSES = 8

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '2000' },
    workers: { type: 'string', default: '2' },
    /** Messages of all sessions together, per second. */
    rate: { type: 'string', default: '400' },
    storms: { type: 'string', default: '2' },
    primary: { type: 'boolean', default: false },
  },
})
const [sessions, workers, rate, storms] = [values.sessions, values.workers, values.rate, values.storms].map(
  Number,
) as [number, number, number, number]

const cluster = new Cluster({ app: 'chaos', workers, port: await steadyPort(), env: RUNS_ENV })
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
  killedAt = performance.now()
  if (values.primary) {
    await cluster.crash()
    cluster.again()
  } else for (const pid of cluster.workers()) process.kill(pid, 'SIGKILL')
  // Those whose link still lives have not noticed.
  await until(() => away.size === 0, PATIENCE_MS, 'everybody back').catch((error: Error) =>
    figures.wrong.push(`${error.message}: ${away.size} are away`),
  )
  back.sort((a, b) => a - b)
  const at = (share: number): string => `${Math.round(back[Math.ceil(share * back.length) - 1] ?? -1)} ms`
  console.log(`back: 50 % after ${at(0.5)}, 99 % ${at(0.99)}, 100 % ${at(1)}`)
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
}
