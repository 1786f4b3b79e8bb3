import t from 'tap'
import { type OnTheWay, type Progress, ProgressWatch } from '../../lib/client/progress.ts'

const KIB = 1024

function watched(): {
  watch: ProgressWatch
  told: Progress[]
  look: (now: number, what: Partial<OnTheWay>) => number
} {
  const told: Progress[] = []
  const watch = new ProgressWatch((progress) => told.push(progress))
  const idle = { emittedBytes: 0, unsentBytes: 0, replay: null }
  return { watch, told, look: (now, what) => watch.look(now, { ...idle, ...what }) }
}

t.test('an upload: its beginning, ten times a second, its end', async (t) => {
  const { told, look } = watched()
  t.equal(
    look(0, { emittedBytes: 100 * KIB, unsentBytes: 100 * KIB }),
    Number.POSITIVE_INFINITY,
    'too little to watch',
  )
  t.equal(look(5, { emittedBytes: 1100 * KIB, unsentBytes: 1000 * KIB }), 105)
  t.equal(look(50, { emittedBytes: 1100 * KIB, unsentBytes: 900 * KIB }), 150)
  look(105, { emittedBytes: 1100 * KIB, unsentBytes: 800 * KIB })
  look(205, { emittedBytes: 1300 * KIB, unsentBytes: 900 * KIB })
  t.equal(look(210, { emittedBytes: 1300 * KIB, unsentBytes: 0 }), Number.POSITIVE_INFINITY)
  t.equal(look(300, { emittedBytes: 1400 * KIB, unsentBytes: 100 * KIB }), Number.POSITIVE_INFINITY)
  t.same(told, [
    { of: 'upload', sent: 0, total: 1000 * KIB },
    { of: 'upload', sent: 200 * KIB, total: 1000 * KIB },
    { of: 'upload', sent: 300 * KIB, total: 1200 * KIB },
    { of: 'upload', sent: 1200 * KIB, total: 1200 * KIB },
  ])
})

t.test('without a link nothing is told; behind it what leaves again counts as not sent', async (t) => {
  const { told, look, watch } = watched()
  look(0, { emittedBytes: 500 * KIB, unsentBytes: 500 * KIB })
  look(200, { emittedBytes: 500 * KIB, unsentBytes: 300 * KIB })
  t.equal(look(400, { emittedBytes: 500 * KIB, unsentBytes: null }), Number.POSITIVE_INFINITY)
  look(600, { emittedBytes: 500 * KIB, unsentBytes: 400 * KIB })
  t.same(
    told.map((p) => p.of === 'upload' && p.sent),
    [0, 200 * KIB, 100 * KIB],
  )
  watch.reset()
  t.equal(look(800, { emittedBytes: 0, unsentBytes: 0 }), Number.POSITIVE_INFINITY)
  t.equal(told.length, 3, 'the session is another one')
})

t.test('a replay: its beginning and its end, and again after the next resume', async (t) => {
  const { watch, told, look } = watched()
  look(0, { replay: { received: 0, total: 0 } })
  watch.replayBegins()
  look(1, { replay: { received: 1, total: 9 } })
  look(2, { replay: { received: 5, total: 9 } })
  look(3, { replay: { received: 9, total: 9 } })
  look(4, { replay: { received: 9, total: 9 } })
  look(5, { replay: null })
  watch.replayBegins()
  look(6, { replay: { received: 0, total: 2 } })
  look(7, { replay: { received: 2, total: 2 } })
  t.same(
    told.map((p) => p.of === 'replay' && [p.received, p.total]),
    [
      [1, 9],
      [9, 9],
      [0, 2],
      [2, 2],
    ],
  )
})
