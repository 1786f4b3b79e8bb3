import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { commitGeneration, prepareGeneration, readGeneration } from '../../lib/primary/generation.ts'

t.test('the one before counts until the next one is whole', async (t) => {
  const journal = t.testdir()
  t.equal(readGeneration(journal), null)
  const first = prepareGeneration(journal, 1, 2)
  t.equal(readGeneration(journal), null)
  commitGeneration(journal, first)
  t.same(readGeneration(journal), first)
  t.equal(statSync(first.path).mode & 0o777, 0o700)
  t.equal(statSync(join(journal, 'CURRENT')).mode & 0o777, 0o600)
  writeFileSync(join(first.path, 'slot-0.log'), 'x')

  const second = prepareGeneration(journal, 2, 3)
  writeFileSync(join(second.path, 'slot-0.log'), 'half')
  t.same(readGeneration(journal), first, 'a death in the middle')
  t.equal(readFileSync(join(first.path, 'slot-0.log'), 'utf8'), 'x')
  prepareGeneration(journal, 2, 3)
  t.same(readdirSync(second.path), [], 'what was left of it is gone')
  commitGeneration(journal, second)
  t.same(readGeneration(journal), second)
  t.same(readdirSync(journal).sort(), ['CURRENT', 'generation-2'])
})

t.test('what is not ours is left alone', async (t) => {
  for (const content of ['2 1 1\n', 'x', '', '1 0 1', '1 1 -1', '1 1 1.5']) {
    const journal = t.testdir({ CURRENT: content })
    t.throws(() => readGeneration(journal), { message: /CURRENT is of another version; nothing was touched/ })
    t.equal(readFileSync(join(journal, 'CURRENT'), 'utf8'), content)
  }
  const journal = t.testdir()
  commitGeneration(journal, prepareGeneration(journal, 7, 1))
  rmSync(join(journal, 'generation-7'), { recursive: true })
  t.throws(() => readGeneration(journal), { message: /generation-7, which is missing/ })
})
