/** A small siege; `npm run slow-loris` is the large one. */
import t from 'tap'
import { startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { besiege } from './slow-loris-run.ts'

t.test('300 connections that are idle or drip', async (t) => {
  const headMs = 1000
  const cluster = await startCluster(t, { app: 'field', args: ['--head-ms', String(headMs)] })
  const siege = { connections: 300, headMs, kept: false, visits: 120, slackMs: 2000, timed: false }
  const { before, during, lives, findings } = await besiege(cluster, siege)
  t.comment(
    `p99 ${before[1].toFixed(1)} ms before, ${during[1].toFixed(1)} ms during; ${JSON.stringify(lives)}`,
  )
  t.same(findings, [])
  t.same(cluster.complaints(), [])
})

nothingLeft(t)
