import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import t from 'tap'
import {
  type JournalDirectory,
  makeSocketDirectory,
  openJournal,
  removeSocketDirectory,
} from '../../lib/primary/directory.ts'

async function open(path: string | null): Promise<JournalDirectory> {
  const opened = await openJournal(path)
  if (!opened.ok) throw new Error(opened.reason)
  return opened.directory
}

const modeOf = (path: string) => (fs.statSync(path).mode & 0o777).toString(8)

t.test('made once, private, and its key is kept', async (t) => {
  const path = join(t.testdir({}), 'a', 'journal')
  const first = await open(path)
  t.equal(first.path, fs.realpathSync(path))
  t.equal(modeOf(path), '700')
  t.equal(modeOf(join(path, 'placement.key')), '600')
  t.equal(fs.readFileSync(join(path, 'primary.pid'), 'utf8'), `${process.pid}\n`)
  t.equal(first.placementKey.length, 32)
  first.release()
  t.notOk(fs.existsSync(join(path, 'primary.pid')))
  const second = await open(path)
  t.same(second.placementKey, first.placementKey)
  second.release()
})

t.test('one server at a time, whatever the path is called', async (t) => {
  const path = t.testdir({ journal: {}, link: t.fixture('symlink', 'journal') })
  const held = await open(join(path, 'journal'))
  const reason = `the journal ${join(path, 'link')} is in use by another server (pid ${process.pid})`
  t.same(await openJournal(join(path, 'link')), { ok: false, reason })
  held.release()
  const again = await open(join(path, 'link'))
  again.release()
})

t.test('what cannot be used is said in a sentence', async (t) => {
  const path = t.testdir({ file: '', bad: { 'placement.key': 'short' } })
  t.match(await openJournal(join(path, 'file')), {
    ok: false,
    reason: /^the journal .*file cannot be used: EEXIST/,
  })
  t.match(await openJournal(join(path, 'bad')), {
    ok: false,
    reason: /placement.key must be 32 bytes, and is 5/,
  })
  fs.rmSync(join(path, 'bad', 'placement.key'))
  const freed = await open(join(path, 'bad'))
  freed.release()
  t.pass('a failure leaves no lock')
})

t.test('without a journal', async (t) => {
  const [a, b] = [await open(null), await open(null)]
  t.equal(a.path, null)
  t.equal(a.placementKey.length, 32)
  t.notSame(a.placementKey, b.placementKey)
})

t.test('socket directories', async (t) => {
  const { pid } = spawnSync(process.execPath, ['-e', ''])
  const stale = join(tmpdir(), `limpet-${pid}-aaaaaa`)
  const living = join(tmpdir(), `limpet-${process.ppid}-aaaaaa`)
  const other = join(tmpdir(), `limpet-${pid}-notes`)
  t.teardown(() => {
    for (const path of [stale, living, other]) fs.rmSync(path, { recursive: true, force: true })
  })
  for (const path of [stale, living, other]) fs.mkdirSync(path)
  fs.writeFileSync(join(stale, 'http-0-1'), '')
  const path = makeSocketDirectory()
  t.match(basename(path), new RegExp(`^limpet-${process.pid}-`))
  t.equal(modeOf(path), '700')
  t.notOk(fs.existsSync(stale), 'of a dead server')
  t.ok(fs.existsSync(living), 'of a living one')
  t.ok(fs.existsSync(other), 'not ours')
  fs.writeFileSync(join(path, 'bus-0-1'), '')
  removeSocketDirectory(path)
  t.notOk(fs.existsSync(path))
})

t.test('a temporary directory too deep for a socket', async (t) => {
  const deep = join(t.testdir({}), 'x'.repeat(100))
  fs.mkdirSync(deep)
  const before = process.env.TMPDIR
  process.env.TMPDIR = deep
  t.teardown(() => {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  })
  t.throws(() => makeSocketDirectory(), /too long for unix sockets/)
  t.same(fs.readdirSync(deep), [])
})
