/** The real pm2, in a home of its own: start, lossless reload, restart, stop. Judged by `pm2 jlist`: its exit code lies. */

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import { connect } from '../../lib/client/index.ts'
import { steadyPort } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { childrenOf, isAlive, processesWith } from '../support/processes.ts'
import { ask, request } from '../support/raw.ts'
import { ROOT } from '../support/root.ts'
import { until } from '../support/until.ts'

const PM2 = createRequire(import.meta.url).resolve('pm2/bin/pm2')
const CALL_MS = 25_000

interface Listed {
  readonly name: string
  readonly pid: number
  readonly pm2_env: { readonly status: string; readonly restart_time: number; readonly exec_mode: string }
}

t.test('start, reload, restart, stop', async (t) => {
  // Short: the paths of unix sockets are bounded.
  const home = mkdtempSync('/tmp/limpet-pm2-')
  const { NODE_OPTIONS: _, ...inherited } = process.env
  const env = {
    ...inherited,
    PM2_HOME: home,
    TMPDIR: home,
    CHAOS_RUNS: join(home, 'runs'),
    PM2_DISCRETE_MODE: '1',
  }
  const pm2 = (...args: string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      execFile(
        // Only so does a child of tap get rid of it.
        'env',
        ['-u', 'NODE_OPTIONS', process.execPath, PM2, ...args],
        { cwd: home, env, timeout: CALL_MS },
        (error, stdout, stderr) => {
          if (error) reject(new Error(`pm2 ${args.join(' ')}: ${error.message} ${stdout} ${stderr}`))
          else resolve(stdout)
        },
      )
    })
  const listed = async (): Promise<Listed> => {
    const lines = (await pm2('jlist')).trimEnd().split('\n')
    const [entry, ...more] = JSON.parse(lines.at(-1)!) as Listed[]
    if (!entry || more.length > 0) throw new Error('pm2 runs something else')
    return entry
  }
  const left = (): number[] => processesWith('PM2_HOME', home)
  t.teardown(async () => {
    await pm2('kill').catch(() => {})
    for (const pid of left()) process.kill(pid, 'SIGKILL')
    rmSync(home, { recursive: true, force: true, maxRetries: 3 })
  })

  const port = await steadyPort()
  const config = join(home, 'ecosystem.config.cjs')
  const args = ['--port', port, '--workers', 2, '--journal', join(home, 'journal')].join(' ')
  const app = join(ROOT, 'test/e2e/apps/chaos.js')
  writeFileSync(
    config,
    `const { apps: [app] } = require(${JSON.stringify(join(ROOT, 'ecosystem.config.cjs'))})
    module.exports = { apps: [{ ...app, cwd: ${JSON.stringify(ROOT)}, vizion: false, args: '${app} ${args}' }] }`,
  )

  await pm2('start', config)
  const health = async (): Promise<string> => String((await ask(port, request('/health'))).body)
  t.equal(await health(), '{"status":"ok"}', 'ready when pm2 says so')
  const first = await listed()
  t.match(first, { name: 'limpet', pm2_env: { status: 'online', restart_time: 0, exec_mode: 'fork_mode' } })
  const workers = childrenOf(first.pid)
  t.equal(workers.length, 2)

  const client = connect(`http://127.0.0.1:${port}`, { reconnectDelayMs: 20, reconnectDelayMaxMs: 200 })
  const lost: string[] = []
  client.on('discontinuity', ({ code }) => lost.push(code))
  client.on('close', ({ code }) => code !== 'closed_by_client' && lost.push(code))
  let took = 0
  client.on('took', (n: unknown) => {
    took += 1
    if (n !== took) lost.push(`took ${n} as number ${took}`)
  })
  await client.emitWithAck('pid')
  const { id } = client
  let sent = 0
  const load = setInterval(() => client.emit('up', ++sent, 'x'), 20)
  t.teardown(() => {
    clearInterval(load)
    client.close()
  })

  await pm2('sendSignal', 'SIGHUP', 'limpet')
  await until(() => !workers.some(isAlive), 20_000, 'the reload')
  await until(async () => (await health()) === '{"status":"ok"}', 10_000, 'health behind it')
  t.equal(childrenOf(first.pid).length, 2, 'the same primary has other workers')
  t.notOk(childrenOf(first.pid).some((pid) => workers.includes(pid)))

  await pm2('restart', 'limpet')
  const second = await listed()
  t.match(second, { pm2_env: { status: 'online', restart_time: 1 } })
  t.not(second.pid, first.pid)
  t.notOk(isAlive(first.pid))
  clearInterval(load)
  t.match(await client.emitWithAck('data'), { opens: 1, up: sent })
  t.equal(took, sent)
  t.same([client.id, lost], [id, []], 'the same session, nothing lost')
  t.ok(sent > 20)

  await pm2('stop', 'limpet')
  t.match(await listed(), { pid: 0, pm2_env: { status: 'stopped' } })
  t.notOk(isAlive(second.pid))
  await pm2('kill')
  await until(() => left().length === 0, 5000, 'the end of the daemon')
})

nothingLeft(t)
