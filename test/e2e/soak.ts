/**
 * `npm run soak -- --minutes 20 --seed S`: churn, chat, cuts, kills and slow readers, in rounds; what the server holds in
 * between. Exits 1 with a finding.
 */
import { randomInt } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Gauge } from '../support/gauges.ts'
import { randomFrom } from '../support/seed.ts'
import { unexpected } from './chaos-run.ts'
import { heldTooMuch } from './soak-judge.ts'
import { Soak } from './soak-run.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    visitors: { type: 'string', default: '40' },
    seconds: { type: 'string', default: '120' },
  },
})
const endMs = Number(values.minutes) * 60_000
/** Of one round's load. */
const ROUND_MS = Number(values.seconds) * 1000
/** A worker that is away on a busy machine counts against it, for those whose link was cut before. */
const GRACE_MS = 20_000

const mib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`
const began = performance.now()
const told = (what: string): void =>
  console.log(`${((performance.now() - began) / 60_000).toFixed(1)} min: ${what}`)

function show(gauges: readonly Gauge[]): void {
  for (const { of, pid, heapBytes, timers, handles, descriptors, journalBytes } of gauges)
    told(
      `  ${of} (${pid}): heap ${mib(heapBytes)}, ${timers} timers, ${handles} handles, ${descriptors} descriptors, ` +
        `journal ${mib(journalBytes)}`,
    )
}

console.log(`seed ${values.seed}`)
const options = {
  ...{ graceMs: GRACE_MS, clients: 12, members: 12, visitors: Number(values.visitors) },
  ...{ killEveryMs: 17_000, readersEveryMs: 25_000 },
}
const soak = await Soak.begin(options, randomFrom(Number(values.seed)))
try {
  const findings: string[] = []
  let base: Gauge[] | null = null
  for (let last = false; !last; ) {
    const left = began + endMs - performance.now()
    last = base !== null && left < 2 * ROUND_MS
    const { peak, kills, readers, visitors, totals, ...round } = await soak.round(ROUND_MS)
    findings.push(...round.findings)
    for (const finding of round.findings.slice(0, 40)) told(`  found: ${finding}`)
    told(`${kills} kills, ${readers} readers that stopped, ${visitors} visitors; ${totals}`)
    told(
      `  at most ${peak.sessions} sessions, outboxes ${mib(peak.outboxBytes)}, bus ${mib(peak.busBytes)}, ` +
        `memory of a worker ${mib(peak.rssBytes)}, loop delay (99 %) ${peak.loopDelayMs} ms, ` +
        `back after ${peak.awayMs} ms, generator late by ${peak.ownDelayMs} ms`,
    )
    // What ended sessions leave behind is remembered for 10 × grace.
    const gauges = await soak.rest(base === null || last)
    show(gauges)
    base ??= gauges
    if (last) findings.push(...heldTooMuch(base, gauges))
  }
  findings.push(...unexpected(soak.cluster.complaints()).map((line) => JSON.stringify(line)))
  for (const finding of findings.slice(0, 200)) console.log(finding)
  console.log(`${findings.length} findings`)
  if (findings.length > 0) {
    const directory = mkdtempSync(join(tmpdir(), `limpet-soak-${values.seed}-`))
    writeFileSync(join(directory, 'log'), soak.cluster.stderr)
    console.log(`the server's log is in ${directory}`)
  }
  process.exitCode = findings.length > 0 ? 1 : 0
} finally {
  await soak.close()
}
