/**
 * `npm run slow-loris -- --connections 5000`: idle and dripping connections against the defaults. Prints what visitors
 * noticed, and how long the longest lives were; exits 1 with a finding.
 */
import { parseArgs } from 'node:util'
import { Cluster } from '../support/cluster.ts'
import { besiege } from './slow-loris-run.ts'

const { values } = parseArgs({ options: { connections: { type: 'string', default: '5000' } } })
const cluster = new Cluster({ app: 'field' })
try {
  await cluster.ready()
  const siege = {
    connections: Number(values.connections),
    headMs: 5000,
    kept: true,
    timed: true,
    visits: 400,
    slackMs: 3000,
  }
  const { before, during, open, lives, findings } = await besiege(cluster, siege)
  const show = ([p50, p99]: readonly [number, number]): string =>
    `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`
  console.log(`before: ${show(before)}; with ${open} connections: ${show(during)}`)
  console.table(lives)
  for (const finding of findings) console.log(finding)
  process.exitCode = findings.length > 0 ? 1 : 0
} finally {
  await cluster.stop()
}
