import t from 'tap'
import { Keeper } from '../../lib/client/keeper.ts'
import type { Snapshot } from '../../lib/client/snapshot.ts'
import { Rig } from './rig.ts'

/** A storage with room for so many characters, as browsers have. */
class Storage {
  readonly items = new Map<string, string>()
  room = 10_000

  getItem(name: string): string | null {
    return this.items.get(name) ?? null
  }

  setItem(name: string, value: string): void {
    if (value.length > this.room) throw new DOMException('full', 'QuotaExceededError')
    this.items.set(name, value)
  }

  removeItem(name: string): void {
    this.items.delete(name)
  }
}

const URL = 'http://host'
let tokens = 0
const newToken = (): string => `token-${++tokens}`

/** Without locks, as in pages of plain http; with them: test/e2e/browser-life. */
const keeperOf = (storage: Storage, url = URL): Keeper => new Keeper(storage, url, null, newToken)

function snapshotOf(keeper: Keeper, segment = 'seg', messages = 1): Snapshot {
  const rig = new Rig().connected()
  for (let n = 0; n < messages; n++) rig.session.emit('said', ['x'.repeat(100)])
  const snapshot = rig.session.snapshot({ segment, owner: keeper.owner })
  if (!snapshot) throw new Error('the session is closed')
  return snapshot
}

t.test('what a page leaves is taken once', async (t) => {
  const storage = new Storage()
  const first = keeperOf(storage)
  t.equal(first.take(undefined), null)
  t.ok(await first.own())
  t.equal(storage.items.size, 0, 'nothing is written while the page lives')
  const snapshot = snapshotOf(first)
  first.leave(snapshot)
  const next = keeperOf(storage)
  t.strictSame(next.take(undefined), snapshot)
  t.equal(next.owner, first.owner)
  t.equal(storage.items.size, 0)
  t.equal(keeperOf(storage).take(undefined), null, 'a copy finds nothing')
})

t.test('what does not fit leaves nothing, not even what was there before', async (t) => {
  const storage = new Storage()
  const keeper = keeperOf(storage)
  keeper.leave(snapshotOf(keeper))
  t.equal(storage.items.size, 1)
  keeper.leave(snapshotOf(keeper, 'seg', 100))
  t.equal(storage.items.size, 0)
})

t.test('clients of two servers, and of another segment', async (t) => {
  const storage = new Storage()
  const [one, two] = [keeperOf(storage), keeperOf(storage, 'http://other')]
  one.leave(snapshotOf(one, 'one'))
  two.leave(snapshotOf(two, 'two'))
  t.equal(keeperOf(storage).take(undefined)?.segment, 'one')
  t.equal(keeperOf(storage, 'http://other').take('three'), null, 'the application asks for another one now')
  t.equal(storage.items.size, 0)
})

t.test('what is no snapshot of ours', async (t) => {
  const storage = new Storage()
  storage.setItem(`limpet ${URL}`, '{"version":1,"key":"<script>"}')
  t.equal(keeperOf(storage).take(undefined), null)
})

t.test('a page that comes back', async (t) => {
  const storage = new Storage()
  const first = keeperOf(storage)
  const { owner } = first
  first.leave(snapshotOf(first))
  t.ok(first.isAway)
  t.equal(await first.comeBack(), 'same')
  t.notOk(first.isAway)
  t.equal(storage.items.size, 0)

  first.leave(snapshotOf(first))
  const second = keeperOf(storage)
  second.take(undefined)
  const left = snapshotOf(second, 'seg', 3)
  second.leave(left)
  t.strictSame(await first.comeBack(), left, 'behind a page that has gone on with the session')

  first.leave(snapshotOf(first))
  keeperOf(storage).take(undefined)
  t.equal(await first.comeBack(), 'lost', 'somebody has it')
  t.not(first.owner, owner)
})

t.test('a closed session', async (t) => {
  const storage = new Storage()
  const keeper = keeperOf(storage)
  keeper.leave(snapshotOf(keeper))
  keeper.forget()
  t.equal(storage.items.size, 0)
  keeper.leave(null)
  t.equal(keeperOf(storage).take(undefined), null)
})
