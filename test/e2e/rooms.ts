/** `node --import=tsx test/e2e/rooms.ts --seconds S --seed N`: rooms under load and cuts; exits 1 with a finding. */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Cluster } from '../support/cluster.ts'
import { randomFrom } from '../support/seed.ts'
import { ROOMS_CLUSTER, runRooms } from './rooms-run.ts'

const { values } = parseArgs({
  options: { seed: { type: 'string' }, seconds: { type: 'string', default: '60' } },
})
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
const seconds = Number(values.seconds)
if (!Number.isInteger(seed) || !(seconds > 0)) throw new Error('--seed and --seconds are numbers')

console.log(`seed ${seed}, ${seconds} s`)
const cluster = new Cluster(ROOMS_CLUSTER)
try {
  await cluster.ready()
  const { findings, ...figures } = await runRooms(cluster, seconds, randomFrom(seed))
  console.log(figures)
  for (const finding of findings.slice(0, 20)) console.log(finding)
  console.log(`${findings.length} findings`)
  process.exitCode = findings.length > 0 ? 1 : 0
  await cluster.stop()
} finally {
  await cluster.kill()
}
