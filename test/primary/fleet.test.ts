/** Workers that cannot start, or do not stop. */
import { once } from 'node:events'
import net from 'node:net'
import t from 'tap'
import { createLog } from '../../lib/log.ts'
import { Primary } from '../../lib/primary/primary.ts'
import { EXEC, optionsOf, startPrimary } from './fixtures/primary.ts'

t.test('what ends a server before it serves', async (t) => {
  const end = (app: string | null, port = 0) => {
    const options = { ...optionsOf('--workers', '1'), port }
    const listening = () => t.fail('it does not serve')
    return new Primary({ options, app, exec: EXEC, deal: '', log: createLog('silent'), listening }).ended
  }
  t.match(await end('dies'), {
    kind: 'failed',
    reason: /^worker 0 ended 5 times in a row: it exited with 3$/,
  })
  t.same(await end('cannot'), { kind: 'failed', reason: 'the application threw: no' })
  const busy = net.createServer().listen(0, '127.0.0.1')
  await once(busy, 'listening')
  const { port } = busy.address() as net.AddressInfo
  t.same(await end(null, port), { kind: 'failed', reason: `port ${port} of 127.0.0.1 is in use` })
  busy.close()
})

t.test('a worker that does not stop is killed in time', async (t) => {
  const { primary } = await startPrimary(t, ['--workers', '2', '--shutdown-ms', '400'], 'deaf')
  const start = performance.now()
  primary.stop()
  t.same(await primary.ended, { kind: 'stopped' })
  const took = performance.now() - start
  t.ok(took >= 350 && took < 1000, `${took} ms`)
})
