/**
 * `node --import=tsx test/e2e/reload-run.ts --clients 200 --reloads 3`: rolling reloads under load; the gaps of all
 * clients. Exits 1 with a finding.
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { randomFrom } from '../support/seed.ts'
import { pause } from '../support/until.ts'
import { Chaos, unexpected } from './chaos-run.ts'
import { askForReload, histogramOf } from './reload-gaps.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    clients: { type: 'string', default: '200' },
    reloads: { type: 'string', default: '3' },
    workers: { type: 'string', default: '2' },
    every: { type: 'string', default: '250' },
  },
})
console.log(`seed ${values.seed}, ${values.clients} clients, ${values.reloads} reloads`)
const crowd = {
  workers: Number(values.workers),
  clients: Number(values.clients),
  members: 0,
  everyMs: Number(values.every),
  args: ['--ping-interval-ms', '25000', '--ping-timeout-ms', '20000'],
}
const chaos = await Chaos.begin(crowd, randomFrom(Number(values.seed)))
const findings: string[] = []
try {
  for (let n = 1; n <= Number(values.reloads); n++) {
    const began = performance.now()
    const { code, stderr } = await askForReload(chaos.cluster)
    console.log(`reload ${n}: exit ${code} after ${Math.round(performance.now() - began)} ms ${stderr}`)
    await chaos.connected()
    await pause(1000)
    const more = chaos.clients.filter(({ suspends }) => suspends !== n).length
    if (code !== 0 || more > 0) findings.push(`reload ${n}: ${more} clients had not one reconnect`)
  }
  for (const line of histogramOf(chaos.clients.flatMap(({ gaps }) => gaps))) console.log(line)
  findings.push(...(await chaos.judge()))
  findings.push(...unexpected(chaos.cluster.complaints()).map((line) => JSON.stringify(line)))
  console.log(chaos.totals())
  for (const finding of findings.slice(0, 20)) console.log(finding)
  console.log(`${findings.length} findings`)
  process.exitCode = findings.length > 0 ? 1 : 0
} finally {
  await chaos.close()
}
