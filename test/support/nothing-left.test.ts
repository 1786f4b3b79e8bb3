import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { childrenLeft, handlesLeft, nothingLeft } from './nothing-left.ts'
import { isAlive, processesWith } from './processes.ts'
import { pause, until, within } from './until.ts'

t.test('nothing is reported at the start, nor by the wait itself', async (t) => {
  // The files that modules were read from may be closing.
  await until(() => handlesLeft().length === 0)
  await pause(1)
  t.same(handlesLeft(), [])
  t.same(childrenLeft(), [])
})

t.test('a timer, a server and a child are each reported', async (t) => {
  const timer = setTimeout(() => {}, 60_000)
  t.same(handlesLeft(), ['Timeout'])
  clearTimeout(timer)

  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.same(handlesLeft(), ['TCPServerWrap'])
  server.close()
  await once(server, 'close')

  const child = spawn('sleep', ['60'], { env: { ...process.env, LIMPET_TEST_MARK: String(process.pid) } })
  await once(child, 'spawn')
  await until(() => childrenLeft().includes('sleep 60'))
  t.ok(handlesLeft().includes('ProcessWrap'))
  t.same(processesWith('LIMPET_TEST_MARK', String(process.pid)), [child.pid])
  child.kill('SIGKILL')
  await once(child, 'close')
  t.notOk(isAlive(child.pid!))
})

t.test('until and within say what did not come', async (t) => {
  await t.rejects(
    until(() => false, 20, 'the moon'),
    /the moon: not within 20 ms/,
  )
  await t.rejects(within(new Promise(() => {}), 20, 'the sun'), /the sun: not within 20 ms/)
  t.equal(await within(Promise.resolve(1), 20, 'one'), 1)
})

nothingLeft(t)
