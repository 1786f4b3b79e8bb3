import { type JourneyName, travel } from './support/journeys.ts'
import { randomFrom } from './support/seed.ts'

const began = performance.now()
const [, , kind, stride = '180', cuts = '50', clients = '6', seed = '2816113105'] = process.argv
const r = await travel(
  kind as JourneyName,
  { stride: +stride, cuts: +cuts, clients: +clients, limitMs: 60_000 },
  randomFrom(+seed),
)
for (const x of [r.counted, r.atRandom])
  console.log(JSON.stringify({ ...x, findings: x.findings.slice(0, 6) }), x.findings.length)
console.log(r.findings, Math.round(performance.now() - began), 'ms', process.cpuUsage())
