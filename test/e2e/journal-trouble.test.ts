/** A disk that is full, files that are somebody else's, files that are damaged: stated, never silently wrong. */

import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Client, connect } from '../../lib/client/index.ts'
import { Cluster, failToStart, steadyPort } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { ask, request } from '../support/raw.ts'
import { ROOT } from '../support/root.ts'
import { until } from '../support/until.ts'
import { RUNS_ENV } from './runs.ts'

async function start(t: Test, args: readonly string[] = []): Promise<Cluster> {
  const cluster = new Cluster({ app: 'chaos', port: await steadyPort(), args, env: RUNS_ENV })
  t.teardown(() => cluster.stop())
  await cluster.ready()
  return cluster
}

interface Watched {
  readonly client: Client
  readonly lost: string[]
}

/** Welcomed, and its first message handled. */
async function open(t: Test, cluster: Cluster, slot: number): Promise<Watched> {
  const options = { segment: cluster.segmentOn(slot), reconnectDelayMs: 20, reconnectDelayMaxMs: 200 }
  const client = connect(cluster.url, options)
  t.teardown(() => client.close())
  const lost: string[] = []
  client.on('discontinuity', ({ code }) => lost.push(code))
  await client.emitWithAck('up', 1, 'x')
  return { client, lost }
}

const pidOf = async ({ client }: Watched): Promise<number> => (await client.emitWithAck('pid')) as number
const dataOf = async ({ client }: Watched): Promise<{ opens: number; up: number }> =>
  (await client.emitWithAck('data')) as { opens: number; up: number }
const slotFile = (cluster: Cluster, slot: number): string =>
  join(cluster.journal, `generation-1/slot-${slot}.log`)

/** No file of this process may grow any more; or may again. */
function limitFiles(pid: number, bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`])
}

async function health(cluster: Cluster): Promise<string> {
  const { status, body } = await ask(cluster.port, request('/health'))
  return `${status} ${(JSON.parse(String(body)) as { status: string }).status}`
}

t.test('a full disk: sessions go on in memory, until it works again or their process dies', async (t) => {
  const cluster = await start(t)
  const saved = await open(t, cluster, 0)
  const unlucky = await open(t, cluster, 1)
  const [first, second] = [await pidOf(saved), await pidOf(unlucky)]
  limitFiles(first, statSync(slotFile(cluster, 0)).size)
  limitFiles(second, statSync(slotFile(cluster, 1)).size)
  t.equal(await saved.client.emitWithAck('up', 2, 'x'), 2)
  t.equal(await unlucky.client.emitWithAck('up', 2, 'x'), 2)
  await until(async () => (await health(cluster)) === '200 journal_failing', 5000, 'what health says')
  t.notOk(existsSync(slotFile(cluster, 0)) || existsSync(slotFile(cluster, 1)), 'no stale file')

  process.kill(second, 'SIGKILL')
  await until(() => unlucky.lost.length > 0, 10_000, 'a discontinuity')
  t.same(unlucky.lost, ['session_unknown'])
  t.same(await dataOf(unlucky), { ...(await dataOf(unlucky)), opens: 1, up: 0 }, 'and a new session')

  limitFiles(first, 'unlimited')
  let n = 2
  await until(
    async () => {
      n += 1
      await saved.client.emitWithAck('up', n, 'x')
      return (await health(cluster)) === '200 ok'
    },
    20_000,
    'the journal to work again',
  )
  process.kill(first, 'SIGKILL')
  t.match(await dataOf(saved), { opens: 1, up: n }, 'kept')
  t.same(saved.lost, [])
  const said = cluster.complaints().map(({ slot, msg }) => `${slot}: ${msg}`)
  for (const slot of [0, 1])
    t.ok(
      said.includes(
        `${slot}: the journal cannot be written: sessions go on in memory, and do not survive this process`,
      ),
    )
  t.ok(said.includes('0: the journal works again'))
})

t.test('a full disk with --journal-failure stop: the next process goes on', async (t) => {
  const cluster = await start(t, ['--journal-failure', 'stop'])
  const watched = await open(t, cluster, 0)
  const pid = await pidOf(watched)
  limitFiles(pid, statSync(slotFile(cluster, 0)).size)
  t.equal(await watched.client.emitWithAck('up', 2, 'x'), 2)
  t.not(await pidOf(watched), pid)
  t.match(await dataOf(watched), { opens: 1, up: 2 })
  t.same(watched.lost, [])
  t.equal(await health(cluster), '200 ok')
  const said = cluster.complaints().map(({ msg }) => msg)
  t.same(said, ['the journal cannot be written', 'worker exited with 1'])
})

t.test('no room for a journal from the start', async (t) => {
  const serve = join(ROOT, 'bin/serve')
  const program = join(
    t.testdir({ serve: `#!/bin/sh\nexec prlimit --fsize=64 node ${serve} "$@"\n` }),
    'serve',
  )
  chmodSync(program, 0o755)
  const { code, stderr } = await failToStart({
    app: 'chaos',
    program,
    args: ['--journal-failure', 'stop'],
  })
  t.equal(code, 1)
  t.match(stderr, /^limpet: the journal cannot be written: EFBIG.*\n$/)

  const cluster = new Cluster({ app: 'quiet', program })
  t.teardown(() => cluster.stop())
  await cluster.ready()
  t.equal(await health(cluster), '200 journal_failing')
})

t.test('what is not ours is left untouched, and says so in one line', async (t) => {
  const cluster = await start(t)
  const watched = await open(t, cluster, 0)
  await cluster.crash()
  await cluster.exit
  for (const [name, foreign, says] of [
    ['generation-1/slot-0.log', 'somebody else wrote this', /slot-0\.log is no journal of this version/],
    [
      'generation-1/slot-1.log',
      'limpet journal 1\nbut damaged at once',
      /slot-1\.log is damaged at its beginning/,
    ],
    [
      'CURRENT',
      '2 1 2\n',
      /the journal .* cannot be used: its file CURRENT is of another version; nothing was touched$/,
    ],
    ['CURRENT', '1 7 2\n', /generation-7, which is missing; nothing was touched/],
  ] as const) {
    const path = join(cluster.journal, name)
    const own = readFileSync(path)
    writeFileSync(path, foreign)
    const before = cluster.stderr.length
    cluster.again()
    t.equal(await cluster.exit, 1)
    // Another slot's worker may have said that it has read its journal.
    const lines = cluster.stderr
      .slice(before)
      .trimEnd()
      .split('\n')
      .filter((line) => !line.startsWith('{"level":30,'))
    t.equal(lines.length, 1, lines.join('\n'))
    t.match(lines[0], says)
    t.match(lines[0], /^limpet: /)
    t.equal(readFileSync(path, 'utf8'), foreign)
    writeFileSync(path, own)
  }
  cluster.again()
  await cluster.ready()
  t.match(await dataOf(watched), { opens: 1, up: 1 }, 'nothing of it was touched')
  t.same(watched.lost, [])
})

t.test('a flipped bit: what stands before it goes on, what stands behind it is told', async (t) => {
  const cluster = await start(t)
  const before = await open(t, cluster, 0)
  const both = await open(t, cluster, 0)
  const elsewhere = await open(t, cluster, 1)
  const path = slotFile(cluster, 0)
  const intact = statSync(path).size
  for (let n = 2; n < 20; n++) await both.client.emitWithAck('up', n, 'x')
  const behind = await open(t, cluster, 0)
  await cluster.crash()
  await cluster.exit
  const bytes = readFileSync(path)
  t.ok(bytes.length > intact + 100)
  bytes[intact + 30]! ^= 1
  writeFileSync(path, bytes)
  cluster.again()
  await cluster.ready()

  t.match(await dataOf(before), { opens: 1, up: 1 })
  t.match(await dataOf(elsewhere), { opens: 1, up: 1 })
  await until(() => both.lost.length > 0 && behind.lost.length > 0, 10_000, 'the discontinuities')
  t.match(await dataOf(both), { opens: 1, up: 0 })
  t.match(await dataOf(behind), { opens: 1, up: 0 })
  t.same(
    [before.lost, elsewhere.lost, both.lost, behind.lost],
    [[], [], ['count_mismatch'], ['session_unknown']],
  )
  const [said] = cluster.complaints()
  t.match(said, { slot: 0, msg: /^the journal is damaged/, intact })
  t.equal(said!.dropped, bytes.length - intact)
  t.ok(readdirSync(join(cluster.journal, 'generation-1')).includes('slot-0.log.damaged'))
})

nothingLeft(t)
