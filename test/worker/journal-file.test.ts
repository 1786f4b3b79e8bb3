import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Peer, settle } from '../support/core.ts'
import { journaled, recovered } from '../support/journaled.ts'
import { digestOf } from '../support/state-digest.ts'

// Past the limit a write fails with EFBIG; without a listener the signal that comes with it ends the process.
process.on('SIGXFSZ', () => {})
const limitFiles = (bytes: number | 'unlimited'): void => {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`])
}

const text = (size: number): string => 'x'.repeat(size)

t.test("files are the owner's alone", async (t) => {
  const path = join(t.testdir(), 'slot-0.log')
  const { file } = journaled(path)
  t.equal(statSync(path).mode & 0o777, 0o600)
  file.close()
})

t.test('space of what is over is used again', async (t) => {
  const path = join(t.testdir(), 'slot-0.log')
  const { worker, file } = journaled(path)
  worker.server.on('session', (session) => {
    session.on('store', (size) => session.update({ big: text(size as number) }))
  })
  const peer = await Peer.connected(worker)
  let largest = 0
  for (let i = 0; i < 6000; i++) {
    peer.emit('store', 3900)
    worker.commit()
    largest = Math.max(largest, file.bytes)
  }
  t.ok(largest < 17.5 * 1024 * 1024, `${largest} bytes at most, of 23 MB written`)
  t.equal(statSync(path).size, file.bytes)
  t.same(digestOf(recovered(path).state), digestOf(worker.state))
  file.close()
})

t.test('goes on behind what is intact', async (t) => {
  const path = join(t.testdir(), 'slot-0.log')
  const first = journaled(path)
  await Peer.connected(first.worker)
  first.file.close()
  const { recovery } = recovered(path)
  const { size, checkpointSize } = recovery
  first.file.resume(size - 1, checkpointSize)
  t.equal(statSync(path).size, size - 1, 'the rest is cut off')
  first.file.close()
})

t.test('a disk that is full', async (t) => {
  const directory = t.testdir()
  const path = join(directory, 'slot-0.log')
  const said: string[] = []
  const { worker, file } = journaled(path, () => {}, {
    failed: (error) => void said.push((error as NodeJS.ErrnoException).code ?? ''),
    worksAgain: () => void said.push('works again'),
    retryMs: 0,
  })
  worker.listen('echo', (value) => value)
  const peer = await Peer.connected(worker)
  peer.ask('echo', 1)
  await settle(worker)
  const before = readFileSync(path)
  limitFiles(before.length + 20)
  peer.ask('echo', 2)
  await settle(worker)
  t.same(said, ['EFBIG'])
  t.ok(file.failing)
  t.notOk(existsSync(path), 'none rather than a stale one')
  t.ok(peer.read().includes('answer 2 2'), 'the session goes on in memory')
  limitFiles(100)
  peer.ask('echo', 3)
  await settle(worker)
  t.same(said, ['EFBIG'], 'said once')
  t.same(readdirSync(directory), [], 'nothing half is left')
  limitFiles('unlimited')
  peer.ask('echo', 4)
  await settle(worker)
  t.same(said, ['EFBIG', 'works again'])
  t.same(digestOf(recovered(path).state), digestOf(worker.state), 'all of it is there again')
  peer.ask('echo', 5)
  await settle(worker)
  t.same(digestOf(recovered(path).state), digestOf(worker.state))
  file.close()
})

t.test('no room for a checkpoint: the file before goes on', async (t) => {
  const path = join(t.testdir(), 'slot-0.log')
  const { worker, file } = journaled(path)
  worker.listen('echo', (value) => value)
  const peer = await Peer.connected(worker)
  peer.ask('echo', text(1000))
  await settle(worker)
  limitFiles(200)
  t.match(file.checkpoint(), { code: 'EFBIG' })
  limitFiles('unlimited')
  peer.ask('echo', 2)
  await settle(worker)
  t.notOk(file.failing)
  t.same(digestOf(recovered(path).state), digestOf(worker.state))
  file.close()
})

t.test('a process that ends in `failed` leaves nothing of the turn', async (t) => {
  const path = join(t.testdir(), 'slot-0.log')
  const { worker, file } = journaled(path, () => {}, {
    failed: () => {
      throw new Error('the process ends here')
    },
  })
  const peer = await Peer.connected(worker)
  const before = digestOf(worker.state)
  limitFiles(statSync(path).size + 20)
  peer.emit('nobody', text(100))
  t.throws(() => worker.commit(), { message: 'the process ends here' })
  limitFiles('unlimited')
  const { state, recovery } = recovered(path)
  t.equal(recovery.tail, 'clean')
  t.same(digestOf(state), before)
  file.close()
})
