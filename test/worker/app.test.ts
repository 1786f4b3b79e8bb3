import { join } from 'node:path'
import t from 'tap'
import { AppError, loadApp } from '../../lib/worker/app.ts'
import type { AppServer } from '../../lib/worker/server.ts'

t.test('an application is called with the server, and awaited', async (t) => {
  const folder = t.testdir({
    'good.mjs': 'export default async (server) => { await 0; server.called = true }',
    'shapeless.mjs': 'export default 5',
    'throws.mjs': "export default () => { throw new Error('first line\\nsecond line') }",
    'broken.mjs': 'export default (',
  })
  const server = { called: false }
  const load = (name: string): Promise<void> => loadApp(join(folder, name), server as unknown as AppServer)
  await load('good.mjs')
  t.ok(server.called)
  const reasons: string[] = []
  for (const name of ['shapeless.mjs', 'throws.mjs', 'broken.mjs', 'missing.mjs']) {
    const error: unknown = await load(name).catch((reason: unknown) => reason)
    t.ok(error instanceof AppError, name)
    const { message } = error as AppError
    t.notMatch(message, '\n', 'one line')
    reasons.push(message)
  }
  t.match(reasons[0], 'its default export is not a function')
  t.match(reasons[1], /: first line$/)
})
