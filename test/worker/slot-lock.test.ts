import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { lockSlot } from '../../lib/worker/slot-lock.ts'
import { ROOT } from '../support/root.ts'

t.test('a slot is held by one, for as long as its process lives', async (t) => {
  const both = t.testdir({ one: {}, other: {} })
  const directory = join(both, 'one')
  const module = pathToFileURL(join(ROOT, 'dist/lib/worker/slot-lock.js')).href
  const program = `
    const { lockSlot } = await import('${module}')
    process.stdout.write(String(await lockSlot(${JSON.stringify(directory)}, 0, 0)))
    process.stdin.resume()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program])
  t.teardown(() => child.kill('SIGKILL'))
  const [held] = await once(child.stdout, 'data')
  t.equal(String(held), 'true')
  t.notOk(await lockSlot(directory, 0, 50), 'held by another')
  t.ok(await lockSlot(directory, 1, 0), 'another slot')
  t.ok(await lockSlot(join(both, 'other'), 0, 0), 'another directory')
  const waiting = lockSlot(directory, 0)
  child.kill('SIGKILL')
  t.ok(await waiting, 'free at once when its process is killed')
})
