/**
 * `node --import=tsx test/sim/model.ts --full [--only NAME]`, or one model within bounds of your own (`--messages 3
 * --links 2 …`): all its states. Exits 1 with a finding, and prints the shortest way to it.
 */
import { register } from 'node:module'
import { parseArgs } from 'node:util'
import { type Bounds, FULL, LITTLE } from './model-bounds.ts'

register(import.meta.url.replace(/model(\.test)?\.(?=[jt]s$)/, 'model-open.'))
const { explore } = await import('./model-search.ts')

const number = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const { values } = parseArgs({
  options: {
    full: flag,
    only: number,
    doubt: flag,
    messages: number,
    links: number,
    cuts: number,
    races: number,
    restarts: number,
    journal: flag,
    expiries: number,
    takeovers: number,
    ends: number,
    window: number,
    asks: flag,
    turns: flag,
  },
})
const { full, only, doubt = false, ...given } = values
const own = Object.entries(given).map(([name, value]) => [
  name,
  typeof value === 'string' ? Number(value) : value,
])
const models: Readonly<Record<string, Bounds>> = full
  ? FULL
  : { 'one of your own': { ...LITTLE, ...(Object.fromEntries(own) as Partial<Bounds>) } }

let states = 0
for (const [name, bounds] of Object.entries(models)) {
  if (only !== undefined && name !== only) continue
  console.log(
    `${name}: ${Object.entries(bounds)
      .filter(([, much]) => much)
      .join(' ')
      .replaceAll(',', ' ')}`,
  )
  const began = performance.now()
  const explored = explore(bounds, { doubt, report: (so) => console.log(`  ${so} states so far`) })
  states += explored.states
  const seconds = Math.round((performance.now() - began) / 1000)
  console.log(
    `  ${explored.states} states, ${explored.transitions} transitions, ${explored.resting} at rest, ${seconds} s`,
  )
  if (!explored.found) continue
  process.exitCode = 1
  console.log(`  ${explored.found.what.join('\n  ')}`)
  for (const [n, move] of explored.found.path.entries()) console.log(`  ${n + 1}. ${move}`)
}
console.log(`${states} states`)
