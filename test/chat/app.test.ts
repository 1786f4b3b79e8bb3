import t from 'tap'
import { chat } from '../../lib/chat/app.ts'
import { type Entered, NAME_MAX, type Person, ROOM_MAX, TEXT_MAX } from '../../lib/chat/events.ts'
import { MemoryServer, type Peer } from './memory.ts'

function server(): MemoryServer {
  const memory = new MemoryServer()
  chat(memory.api as unknown as Parameters<typeof chat>[0], () => false)
  return memory
}

const enter = async (peer: Peer, room: string) => (await peer.ask('enter', room)) as Entered
const names = (people: readonly Person[]): string[] => people.map(({ name }) => name)
const heard = (peer: Peer): string[] => peer.received.map(([name]) => name)

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
  t.same(await enter(ann, 'pool'), { history: [], members: [{ id: ann.id, name: 'Ann' }] })
  await ann.ask('say', ' low water\n16:40 ', 'r1')
  const bob = await memory.connect({ nick: 'Bob' })
  const { history, members } = await enter(bob, ' pool ')
  t.match(history, [
    { room: 'pool', from: ann.id, name: 'Ann', ref: 'r1', text: 'low water\n16:40', at: Number },
  ])
  t.equal(history.length, 1)
  t.same(names(members), ['Ann', 'Bob'])
  t.same(
    ann.received.at(-1),
    ['joined', 'pool', { id: bob.id, data: { name: 'Bob' } }],
    'its name, not its room',
  )
  t.same(names((await bob.ask('who')) as Person[]), ['Ann', 'Bob'])
})

t.test('the history is bounded to the last hundred', async (t) => {
  const memory = server()
  const ann = await memory.connect({ nick: 'Ann' })
  await enter(ann, 'pool')
  for (let i = 1; i <= 101; i++) await ann.ask('say', String(i), `r${i}`)
  const { history } = await enter(ann, 'pool')
  t.same([history[0]?.text, history.at(-1)?.text, history.length], ['2', '101', 100])
})

t.test('one room at a time', async (t) => {
  const memory = server()
  const ann = await memory.connect({ nick: 'Ann' })
  const bob = await memory.connect({ nick: 'Bob' })
  await enter(ann, 'pool')
  await enter(bob, 'pool')
  t.same((await enter(ann, 'reef')).members, [{ id: ann.id, name: 'Ann' }])
  t.same(bob.received.at(-1), ['left', 'pool', { id: ann.id, data: { name: 'Ann' } }])
  await bob.ask('say', 'still there?', 'r1')
  t.notOk(heard(ann).includes('said'), 'nothing more of the former room')
  const before = ann.received.length
  await enter(ann, 'reef')
  t.equal(ann.received.length, before, 'entering the same room again is no news')
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
  await bob.ask('say', 'hello', 'r1')
  t.equal(ann.received.at(-1)?.[0], 'said', 'still in the former room')
  t.notOk(heard(bob).includes('left'))
})

t.test('a message has bounds', async (t) => {
  const memory = server()
  const ann = await memory.connect({ nick: 'Ann' })
  await t.rejects(ann.ask('say', 'hello', 'r1'), { code: 'no_room' })
  await t.rejects(ann.ask('who'), { code: 'no_room' })
  await enter(ann, 'pool')
  for (const text of [undefined, 7, '', ' \n ', 'x'.repeat(TEXT_MAX + 1)])
    await t.rejects(ann.ask('say', text, 'r1'), { code: 'arguments_invalid' }, String(text).slice(0, 9))
  for (const ref of [undefined, 7, '', ' r', 'x'.repeat(33)])
    await t.rejects(ann.ask('say', 'hello', ref), { code: 'arguments_invalid' }, String(ref))
  await t.rejects(ann.ask('say', 'hello'), { code: 'arguments_invalid' }, 'no reference at all')
  t.notOk(heard(ann).includes('said'))
  await ann.ask('say', 'x'.repeat(TEXT_MAX), 'r1')
  t.equal(heard(ann).at(-1), 'said')
})

t.test('a new name shows in the room, in its list and on later messages', async (t) => {
  const memory = server()
  const ann = await memory.connect({ nick: 'Ann' })
  t.equal(await ann.ask('nick', 'Anna'), 'Anna', 'before any room')
  await enter(ann, 'pool')
  t.equal(await ann.ask('nick', ' Anne '), 'Anne')
  t.same(ann.received.at(-1), ['updated', 'pool', { id: ann.id, data: { name: 'Anne' } }])
  await t.rejects(ann.ask('nick', 'a\tb'), { code: 'name_refused' })
  await ann.ask('say', 'hello', 'r1')
  t.match(ann.received.at(-1), ['said', { name: 'Anne' }])
  const bob = await memory.connect({ nick: 'Bob' })
  t.same(names((await enter(bob, 'pool')).members), ['Anne', 'Bob'])
})

t.test('a session that ends while it enters stays nowhere', async (t) => {
  const memory = server()
  const ann = await memory.connect({ nick: 'Ann' })
  const bob = await memory.connect({ nick: 'Bob' })
  await enter(ann, 'pool')
  memory.beforeAnswer = () => memory.end(bob)
  await t.rejects(bob.ask('enter', 'pool'), { code: 'session_closed' })
})
