import t, { type Test } from 'tap'
import { type ChatParts, chat, type Demo } from '../../lib/chat/app.ts'
import {
  type Attachment,
  type Entered,
  FILE_NAME_MAX,
  HISTORY_PAGE,
  NAME_MAX,
  type Page,
  type Person,
  ROOM_MAX,
  ROOMS_MAX,
  type Said,
  SIDE_MAX,
  TEXT_MAX,
} from '../../lib/chat/events.ts'
import { MemoryServer, type Peer } from './memory.ts'

const PART = 8
const FILE = 20

function server(demo: Demo | null = null): MemoryServer {
  const memory = new MemoryServer()
  const parts: ChatParts = { pages: () => false, demo, fileBytes: FILE, partBytes: PART }
  chat(memory.api as unknown as Parameters<typeof chat>[0], parts)
  return memory
}

const enter = async (peer: Peer, room: string) => (await peer.ask('enter', room)) as Entered
const names = (people: readonly Person[]): string[] => people.map(({ name }) => name)
const heard = (peer: Peer): string[] => peer.received.map(([name]) => name)
const texts = ({ lines }: Page): string[] => lines.map(({ text }) => text)
const shown = (name: string, away = false) => ({ name, away })

t.test('a name comes from auth, or is made up', async (t) => {
  const memory = server()
  const nameFor = async (auth: unknown) => ((await memory.connect(auth)).data as { name: string }).name
  t.equal(await nameFor({ nick: '  Ann ' }), 'Ann')
  t.equal(await nameFor({ nick: 'x'.repeat(NAME_MAX) }), 'x'.repeat(NAME_MAX))
  t.equal(await nameFor({ nick: '小林 <b>' }), '小林 <b>')
  const refused = [
    undefined,
    null,
    'Ann',
    {},
    { nick: 7 },
    { nick: ' ' },
    { nick: 'a\nb' },
    { nick: 'a\u0000' },
    { nick: '\u200b\u202e' },
    { nick: '\ud800' },
    { nick: 'x'.repeat(NAME_MAX + 1) },
  ]
  for (const auth of refused) t.match(await nameFor(auth), /^guest-[0-9a-f]{4}$/, JSON.stringify(auth))
})

t.test('who enters gets the history and the members, the others hear of it', async (t) => {
  const memory = server()
  const ann = await memory.connect({ nick: 'Ann' })
  const empty = { lines: [], before: 1, earlier: 'none', members: [{ id: ann.id, name: 'Ann', away: false }] }
  t.same(await enter(ann, 'pool'), empty)
  await ann.ask('say', 'pool', ' low water\n16:40 ', 'r1')
  const bob = await memory.connect({ nick: 'Bob' })
  const { lines, members } = await enter(bob, ' pool ')
  t.match(lines, [
    { room: 'pool', from: ann.id, name: 'Ann', ref: 'r1', text: 'low water\n16:40', at: Number, file: null },
  ])
  t.equal(lines.length, 1)
  t.same(names(members), ['Ann', 'Bob'])
  t.same(
    ann.received.at(-1),
    ['joined', 'pool', { id: bob.id, data: shown('Bob') }],
    'its name, and nothing of its files',
  )
})

t.test('the history comes in pages', async (t) => {
  const memory = server()
  const ann = await memory.connect({ nick: 'Ann' })
  await enter(ann, 'pool')
  for (let i = 1; i <= HISTORY_PAGE + 2; i++) await ann.ask('say', 'pool', String(i), `r${i}`)
  const newest = await enter(ann, 'pool')
  t.same([texts(newest)[0], newest.lines.length, newest.earlier], ['3', HISTORY_PAGE, 'more'])
  const older = (await ann.ask('older', 'pool', newest.before)) as Page
  t.same(older, { ...older, before: 1, earlier: 'none' })
  t.same(texts(older), ['1', '2'])
  memory.forget('pool', 5)
  t.equal((await enter(ann, 'pool')).earlier, 'forgotten')
  await t.rejects(ann.ask('older', 'reef', 1), { code: 'no_room' })
  await t.rejects(ann.ask('older', 'pool'), { code: 'arguments_invalid' })
})

t.test('several rooms at a time, so many and no more', async (t) => {
  const memory = server()
  const ann = await memory.connect({ nick: 'Ann' })
  const bob = await memory.connect({ nick: 'Bob' })
  await enter(ann, 'pool')
  await enter(bob, 'pool')
  await enter(ann, 'reef')
  await bob.ask('say', 'pool', 'still there?', 'r1')
  t.match(ann.received.at(-1), ['said', { room: 'pool', text: 'still there?' }])
  await t.rejects(bob.ask('say', 'reef', 'a word through the wall', 'r2'), { code: 'no_room' })
  const before = ann.received.length
  await enter(ann, 'reef')
  t.equal(ann.received.length, before, 'entering the same room again is no news')

  for (let i = 3; i <= ROOMS_MAX; i++) await enter(ann, `room ${i}`)
  await t.rejects(enter(ann, 'one too many'), { code: 'room_limit' })
  t.equal((await enter(ann, 'reef')).members.length, 1, 'one it is in counts once')
  await ann.ask('leave', 'pool')
  t.same(bob.received.at(-1), ['left', 'pool', { id: ann.id, data: shown('Ann') }])
  await enter(ann, 'one too many')
  await t.rejects(ann.ask('leave', 'pool'), { code: 'no_room' })
})

t.test('a room that cannot be entered leaves everything as it was', async (t) => {
  const memory = server()
  const ann = await memory.connect({ nick: 'Ann' })
  const bob = await memory.connect({ nick: 'Bob' })
  await enter(ann, 'pool')
  await enter(bob, 'pool')
  for (const room of [undefined, 7, {}, '', ' ', 'a\u0007', 'x'.repeat(ROOM_MAX + 1)])
    await t.rejects(ann.ask('enter', room), { code: 'room_invalid' }, JSON.stringify(room))
  await t.rejects(ann.ask('enter', 'unreachable'), { code: 'room_unavailable' })
  await bob.ask('say', 'pool', 'hello', 'r1')
  t.equal(ann.received.at(-1)?.[0], 'said', 'still in the other room')
  t.notOk(heard(bob).includes('left'))
})

t.test('a message has bounds', async (t) => {
  const memory = server()
  const ann = await memory.connect({ nick: 'Ann' })
  await t.rejects(ann.ask('say', 'pool', 'hello', 'r1'), { code: 'no_room' })
  await enter(ann, 'pool')
  for (const text of [undefined, 7, '', ' \n ', 'x'.repeat(TEXT_MAX + 1)])
    await t.rejects(
      ann.ask('say', 'pool', text, 'r1'),
      { code: 'arguments_invalid' },
      String(text).slice(0, 9),
    )
  for (const ref of [undefined, 7, '', ' r', 'x'.repeat(33)])
    await t.rejects(ann.ask('say', 'pool', 'hello', ref), { code: 'arguments_invalid' }, String(ref))
  await t.rejects(ann.ask('say', 'pool', 'hello'), { code: 'arguments_invalid' }, 'no reference at all')
  t.notOk(heard(ann).includes('said'))
  await ann.ask('say', 'pool', 'x'.repeat(TEXT_MAX), 'r1')
  t.equal(heard(ann).at(-1), 'said')
})

t.test('a new name shows in the room, in its list and on later messages', async (t) => {
  const memory = server()
  const ann = await memory.connect({ nick: 'Ann' })
  t.equal(await ann.ask('nick', 'Anna'), 'Anna', 'before any room')
  await enter(ann, 'pool')
  t.equal(await ann.ask('nick', ' Anne '), 'Anne')
  t.same(ann.received.at(-1), ['updated', 'pool', { id: ann.id, data: shown('Anne') }])
  await t.rejects(ann.ask('nick', 'a\tb'), { code: 'name_refused' })
  await ann.ask('say', 'pool', 'hello', 'r1')
  t.match(ann.received.at(-1), ['said', { name: 'Anne' }])
  const bob = await memory.connect({ nick: 'Bob' })
  t.same(names((await enter(bob, 'pool')).members), ['Anne', 'Bob'])
})

t.test('a lost link shows, until it is back or somebody speaks', async (t) => {
  const memory = server()
  const ann = await memory.connect({ nick: 'Ann' })
  const bob = await memory.connect({ nick: 'Bob' })
  await enter(ann, 'pool')
  await enter(bob, 'pool')
  await ann.ask('suspend')
  t.same(bob.received.at(-1), ['updated', 'pool', { id: ann.id, data: shown('Ann', true) }])
  await ann.ask('resume')
  t.same(bob.received.at(-1), ['updated', 'pool', { id: ann.id, data: shown('Ann') }])
  await ann.ask('suspend')
  await ann.ask('say', 'pool', 'the resume was not told', 'r1')
  t.same(
    bob.received.slice(-2).map(([name]) => name),
    ['updated', 'said'],
  )
})

t.test('a session that ends while it enters stays nowhere', async (t) => {
  const memory = server()
  const ann = await memory.connect({ nick: 'Ann' })
  const bob = await memory.connect({ nick: 'Bob' })
  await enter(ann, 'pool')
  memory.beforeAnswer = () => memory.end(bob)
  t.same(names((await enter(bob, 'pool')).members), ['Ann'])
})

t.test('who writes is told to the others, not too often, and is not kept', async (t) => {
  const memory = server()
  const ann = await memory.connect({ nick: 'Ann' })
  const bob = await memory.connect({ nick: 'Bob' })
  await enter(ann, 'pool')
  await enter(bob, 'pool')
  await t.rejects(ann.ask('typing', 'reef'), { code: 'no_room' })
  const own = ann.received.length
  for (let i = 0; i < 5; i++) await ann.ask('typing', 'pool')
  t.same(bob.received.slice(-1), [['typing', { room: 'pool', id: ann.id, name: 'Ann' }]])
  t.equal(heard(bob).filter((name) => name === 'typing').length, 1)
  t.equal(ann.received.length, own, 'not to oneself')
  t.same((await enter(bob, 'pool')).lines, [])
})

t.test('a ping is answered with its number', async (t) => {
  const ann = await server().connect({ nick: 'Ann' })
  await ann.ask('ping', 3)
  await ann.ask('ping', 'x'.repeat(1000))
  t.same(ann.received, [['pong', 3, null]], 'and with nothing else')
})

const part = (length: number, fill = 1): Uint8Array => new Uint8Array(length).fill(fill)

async function sharer(t: Test) {
  const memory = server()
  const ann = await memory.connect({ nick: 'Ann' })
  await enter(ann, 'pool')
  const share = async (...args: unknown[]): Promise<Attachment> => {
    await ann.ask('share', 'pool', 'f1', ...args)
    const [name, said] = ann.received.at(-1) as ['said', Said]
    t.equal(name, 'said')
    return said.file!
  }
  return { memory, ann, share }
}

t.test('a file goes there in parts, and comes back in parts', async (t) => {
  const { memory, ann, share } = await sharer(t)
  await ann.ask('part', 0, part(PART, 1))
  await ann.ask('part', 1, part(PART, 2))
  await ann.ask('part', 2, part(4, 3))
  const file = await share('tide.png', { width: 40, height: 30 })
  t.match(file, { name: 'tide.png', size: FILE, parts: 3, picture: { width: 40, height: 30 } })
  const bob = await memory.connect({ nick: 'Bob' })
  const { lines } = await enter(bob, 'pool')
  t.same(lines[0]?.file, file, 'with the history, without its bytes')
  const bytes = await Promise.all([0, 1, 2].map((i) => bob.ask('fetch', file.id, i)))
  t.same(bytes, [part(PART, 1), part(PART, 2), part(4, 3)])
  for (const room of memory.storage) t.ok(room.length > ROOM_MAX, 'no room that people can enter')
  await t.rejects(bob.ask('fetch', file.id, 3), { code: 'file_forgotten' })
  memory.forget(memory.storage[0]!)
  await t.rejects(bob.ask('fetch', file.id, 0), { code: 'file_forgotten' })
})

t.test('parts out of order, too many, too large, or none', async (t) => {
  const { ann, share } = await sharer(t)
  await t.rejects(share('nothing.txt', null), { code: 'upload_lost' })
  await t.rejects(ann.ask('part', 1, part(1)), { code: 'upload_lost' })
  for (const bytes of [undefined, 'text', [1, 2], part(0), part(PART + 1)])
    await t.rejects(ann.ask('part', 0, bytes), { code: 'arguments_invalid' })
  for (const index of [undefined, '0', 0.5, -1])
    await t.rejects(ann.ask('part', index, part(1)), { code: 'upload_lost' }, String(index))
  for (const index of [0, 1]) await ann.ask('part', index, part(PART))
  await t.rejects(ann.ask('part', 1, part(1)), { code: 'upload_lost' }, 'the same once more')
  await t.rejects(ann.ask('part', 2, part(5)), { code: 'file_too_large' })
  await ann.ask('part', 0, part(2))
  t.match(await share('again.txt', null), { size: 2, parts: 1 }, 'part 0 begins anew')
  await t.rejects(share('again.txt', null), { code: 'upload_lost' }, 'once')
  for (const [id, index] of [
    ['x', 0],
    [undefined, 0],
    ['x'.repeat(64), -1],
    ['x'.repeat(64), 0.5],
    ['x'.repeat(64), undefined],
  ])
    await t.rejects(ann.ask('fetch', id, index), { code: 'arguments_invalid' })
  await t.rejects(ann.ask('fetch', 'x'.repeat(64), 0), { code: 'file_forgotten' })
})

t.test('what is said of a file is checked, and harmless', async (t) => {
  const { ann, share } = await sharer(t)
  const names = { 'a\u202egnp.exe': 'agnp.exe', 'a\nb': 'unnamed', ' ': 'unnamed', '../../x': '../../x' }
  for (const [given, taken] of Object.entries(names)) {
    await ann.ask('part', 0, part(1))
    t.equal((await share(given, null)).name, taken)
  }
  await ann.ask('part', 0, part(1))
  t.equal((await share('x'.repeat(FILE_NAME_MAX + 1), null)).name, 'unnamed')
  await ann.ask('part', 0, part(1))
  const sizes = [undefined, 7, {}, { width: 1 }, { width: 0, height: 1 }, { width: SIDE_MAX + 1, height: 1 }]
  for (const size of sizes)
    await t.rejects(ann.ask('share', 'pool', 'f', 'x.png', size), { code: 'arguments_invalid' })
  await t.rejects(ann.ask('share', 'reef', 'f', 'x.png', null), { code: 'no_room' })
  t.same((await share('x.png', { width: 2, height: 3, more: '<b>' })).picture, { width: 2, height: 3 })
})

t.test('a worker is killed in demo mode alone, once, and not as soon as it is born', async (t) => {
  const nobody = await server().connect()
  t.notOk(nobody.handlers.has('kill'))

  let kills = 0
  let aliveMs = 4999
  const memory = server({ worker: 4711, aliveMs: () => aliveMs, kill: () => void kills++ })
  const ann = await memory.connect({ nick: 'Ann' })
  await t.rejects(ann.ask('kill'), { code: 'busy' })
  aliveMs = 5000
  await ann.ask('kill')
  t.equal(kills, 1)
  await ann.askAgain('kill')
  await ann.askAgain('kill', { redelivered: false })
  t.equal(kills, 1, 'the message that killed is handled again, whatever else it says')
  await ann.ask('ping', 1)
  t.same(ann.received, [['pong', 1, 4711]])
})
