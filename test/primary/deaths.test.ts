import t from 'tap'
import { Deaths } from '../../lib/primary/deaths.ts'

t.test('deaths in a row wait longer each time, and the fifth is the last', async (t) => {
  const deaths = new Deaths()
  const waits = [50, 100, 200, 400]
  for (const [i, afterMs] of waits.entries())
    t.same(deaths.died(i, i % 2 ? 999 : null), { kind: 'again', afterMs })
  t.same(deaths.died(10, null), { kind: 'give up', how: '5 times in a row' })
})

t.test('one that was ready for a second begins the row anew', async (t) => {
  const deaths = new Deaths()
  for (let i = 0; i < 4; i++) deaths.died(i, null)
  t.same(deaths.died(5000, 1000), { kind: 'again', afterMs: 50 })
  t.same(deaths.died(5001, null), { kind: 'again', afterMs: 100 })
})

t.test('a slow crash loop ends, too; deaths of more than a minute ago are forgotten', async (t) => {
  const deaths = new Deaths()
  for (let i = 0; i < 19; i++) t.equal(deaths.died(i * 1300, 1200).kind, 'again')
  t.same(deaths.died(19 * 1300, 1200), { kind: 'give up', how: '20 times within a minute' })
  const rare = new Deaths()
  for (let i = 0; i < 100; i++) t.equal(rare.died(i * 4000, 3900).kind, 'again')
})
