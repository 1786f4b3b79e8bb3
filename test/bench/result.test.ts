import t from 'tap'
import { incomparable, isOtherDay, moved } from './check.ts'
import { report } from './report.ts'
import { isMet, type Result, type Run, Runs, spreadOf } from './result.ts'
import { quantile } from './window.ts'

function run(stack: string, round: number, cpu: number, faults: string[] = [], generator = 0.5): Run {
  return { workload: 'echo', stack, round, figures: { cpu, rate: 1e6 / cpu }, generator, others: 0.2, faults }
}

function result(runs: Run[], date = '2026-03-01T10:00:00.000Z'): Result {
  const machine = { cpu: 'A', cores: 2, node: '20.0.0', versions: { limpet: '1.0.0' } }
  return { date, machine, rounds: 3, seconds: 4, runs }
}

t.test('median and range', async (t) => {
  t.equal(spreadOf([]), null)
  t.same(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3 })
  t.same(spreadOf([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4 })
  t.equal(quantile([1, 2, 3, 4], 0.5), 3)
  t.equal(quantile([1, 2, 3, 4], 0.99), 4)
  t.ok(Number.isNaN(quantile([], 0.5)))
})

t.test('ratios are those of each round; an invalid run has none', async (t) => {
  const runs = new Runs([
    ...[run('limpet', 1, 10), run('limpet', 2, 5), run('limpet', 3, 30, ['lost'])],
    ...[run('socket.io', 1, 20), run('socket.io', 2, 50), run('socket.io', 3, 30)],
  ])
  t.same(runs.ratio('echo', 'limpet', 'cpu', 'socket.io'), { median: 0.3, min: 0.1, max: 0.5 })
  t.same(runs.figure('echo', 'limpet', 'cpu'), { median: 7.5, min: 5, max: 10 })
  t.equal(runs.ratio('echo', 'limpet', 'p50', 'socket.io'), null)
  t.equal(runs.ratio('rooms', 'limpet', 'cpu', 'socket.io'), null)
})

t.test(
  'what could not be measured has no part in anything, also when it comes back from a file',
  async (t) => {
    const runs = [
      run('limpet', 1, Number.NaN),
      run('limpet', 2, 5),
      run('socket.io', 1, 10),
      run('socket.io', 2, 10),
    ]
    for (const each of [runs, JSON.parse(JSON.stringify(runs)) as Run[]]) {
      t.same(new Runs(each).figure('echo', 'limpet', 'cpu'), { median: 5, min: 5, max: 5 })
      t.same(new Runs(each).ratio('echo', 'limpet', 'cpu', 'socket.io'), { median: 0.5, min: 0.5, max: 0.5 })
    }
  },
)

t.test('a bar is met by the median', async (t) => {
  const bar = { stack: 'limpet', metric: 'cpu', bar: 1, against: null } as const
  const spread = { median: 1, min: 0, max: 9 }
  t.ok(isMet({ ...bar, sense: 'at most' }, spread))
  t.ok(isMet({ ...bar, sense: 'at least' }, spread))
  t.notOk(isMet({ ...bar, sense: 'at most' }, { ...spread, median: 1.1 }))
  t.notOk(isMet({ ...bar, sense: 'at least' }, { ...spread, median: 0.9 }))
})

t.test('the table says what is met, missed, invalid, and bound by the generator', async (t) => {
  const text = report(
    result([
      ...[run('limpet', 1, 9), run('limpet --no-journal', 1, 19), run('ws', 1, 4, ['2 members'], 0.97)],
      run('socket.io', 1, 10),
    ]),
  )
  t.match(text, /met {4}limpet: 0\.90 × the µs CPU of socket\.io \(at most 0\.95, aim 0\.85\)/)
  t.match(text, /MISSED limpet --no-journal: 1\.90 ×/)
  t.match(text, /INVALID ws, round 1: 2 members/)
  t.match(text, /^ws .*97 % generator-bound/m)
  t.match(text, / 50 % +20 %$/m)
  t.match(report(result([{ ...run('limpet', 1, 9), others: 0.5 }])), / 50 % busy$/m)
  t.match(text, /^socket\.io +10\.00 +100,000/m)
  t.notMatch(text, /a room of 500/)
})

t.test('growth is held against the smallest', async (t) => {
  const grown = [10, 12, 14].map((cpu, i) => ({
    ...run('limpet', 1, cpu),
    workload: `growth-members-${[100, 500, 2000][i]}`,
  }))
  t.match(report(result(grown)), /MISSED growth of members: 1\.40 ×/)
  t.match(report(result(grown.slice(0, 2))), /met {4}growth of members: 1\.20 ×/)
})

t.test('a check tells what moved beyond both spreads, as a ratio where it can', async (t) => {
  const before = [
    run('limpet', 1, 10),
    run('limpet', 2, 12),
    run('socket.io', 1, 20),
    run('socket.io', 2, 24),
  ]
  const slower = before.map((each) => run(each.stack, each.round, each.figures.cpu! * 2))
  const onlyRival = moved(result(before), result(slower))
  t.equal(
    onlyRival.filter((line) => line.startsWith('echo, limpet')).length,
    0,
    'the whole machine was slower',
  )
  t.match(onlyRival, [
    /^echo, socket\.io, cpu: 22\.0 \[20\.0–24\.0\] → 44\.0 \[40\.0–48\.0\] \(\+100 %\)$/,
    /rate/,
  ])
  const faster = before.map((each) =>
    each.stack === 'limpet' ? run('limpet', each.round, 5 + each.round) : each,
  )
  t.match(moved(result(before), result(faster)), [/^echo, limpet, cpu, ratio to socket\.io: 0\.5/, /rate/])
  t.same(moved(result(before), result(before)), [])
  const little = before.map((each) => run(each.stack, each.round, each.figures.cpu! * 1.01))
  t.same(moved(result(before), result(little)), [])
})

t.test('another machine cannot be compared, another day can', async (t) => {
  const one = result([])
  t.equal(incomparable(one, one), null)
  t.match(incomparable({ ...one, machine: { ...one.machine, cores: 4 } }, one), /another machine/)
  t.match(incomparable({ ...one, machine: { ...one.machine, node: '22.0.0' } }, one), /Node 22/)
  t.notOk(isOtherDay(one, one))
  t.ok(isOtherDay(one, result([], '2026-03-02T10:00:00.000Z')))
})
