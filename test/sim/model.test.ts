/** All states of small models (`model.ts --full`: of larger ones), and that mistakes in them are found. */

import { readFileSync } from 'node:fs'
import { register } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from '../support/root.ts'
import { LITTLE, SMALL } from './model-bounds.ts'
import type { World } from './model-world.ts'

register(import.meta.url.replace(/model(\.test)?\.(?=[jt]s$)/, 'model-open.'))
const { explore } = await import('./model-search.ts')

/** Steps of sessions from one state to the next, over all models. */
const seen = new Set<string>()

/** Notes where sessions stand before and behind each move. */
function watch(world: World): void {
  const make = world.make.bind(world)
  world.make = (act) => {
    const before = [...world.core.state.sessions.values()].map((session) => ({
      session,
      state: session.phase.kind,
      link: session.link,
    }))
    make(act)
    const { sessions } = world.core.state
    for (const { session, state, link } of before) {
      // One that a journal brought back is another object.
      const { phase, link: next } = sessions.get(session.id) ?? session
      if (phase.kind !== state || next !== link) seen.add(`${state} → ${phase.kind}`)
    }
    for (const { id, phase } of sessions.values())
      if (!before.some(({ session }) => session.id === id)) seen.add(`none → ${phase.kind}`)
  }
}

t.test('nothing is lost, doubled or taken over by the wrong one', async (t) => {
  let total = 0
  for (const [name, { floor, ...bounds }] of Object.entries(SMALL)) {
    const { states, transitions, resting, found } = explore(bounds, { spoil: watch })
    t.comment(`${name}: ${states} states, ${transitions} transitions, ${resting} at rest`)
    t.same(found, null, name)
    t.ok(states >= floor, `${states} states`)
    total += states
  }
  t.comment(`${total} states`)
})

t.test('sessions step from state to state as PROTOCOL.md says', async (t) => {
  const document = readFileSync(join(ROOT, 'lib/wire/PROTOCOL.md'), 'utf8')
  const [, table = ''] = document.split('| state | what happens | next | what the client hears |\n')
  const rows = table.split('\n\n')[0]!.split('\n').slice(1)
  const said = rows.map((row) => {
    const [, state = '', , next = ''] = row.split('|').map((cell) => cell.replaceAll('`', '').trim())
    return `${state} → ${next}`
  })
  t.same([...seen].sort(), [...new Set(said)].sort())
})

t.test('a mistake is found, by the shortest way', async (t) => {
  const mistakes: Record<string, { spoil: (world: World) => void; what: RegExp; moves: number }> = {
    'the fence is forgotten': {
      spoil: ({ core: { sessions } }) => {
        sessions.fence = (session) => {
          const { link } = session
          session.link = null
          return link
        }
      },
      what: /2 links own/,
      moves: 4,
    },
    'an old attempt takes over': {
      spoil: ({ core }) => {
        const linkFrame = core.sessions.linkFrame.bind(core.sessions)
        core.sessions.linkFrame = (link, data) => {
          for (const session of core.state.sessions.values()) session.attempt = 0
          linkFrame(link, data)
        }
      },
      what: /attempt 1 of A takes the session again/,
      moves: 4,
    },
    'the client ignores from': {
      spoil: (world) => {
        const deliver = world.deliverToClient.bind(world)
        world.deliverToClient = (link) => {
          const from = link.page.conversation.inbox.count + 1
          link.toClient[0] = String(link.toClient[0]).replace(/"from":\d+/, `"from":${from}`)
          deliver(link)
        }
      },
      what: /A hears s1 where undefined is due/,
      moves: 9,
    },
  }
  for (const [name, { spoil, what, moves }] of Object.entries(mistakes)) {
    const { found } = explore({ ...LITTLE, races: 1 }, { spoil })
    t.match(found?.what[0], what, name)
    t.equal(found?.path.length, moves, found?.path.join(', ') ?? name)
  }
})
