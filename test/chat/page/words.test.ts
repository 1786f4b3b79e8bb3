import t from 'tap'
import { ROOM_MAX } from '../../../lib/chat/events.ts'
import { Typing } from '../../../lib/chat/page/typing.ts'
import {
  ageWords,
  backWords,
  counted,
  fateWords,
  hueOf,
  initialOf,
  linkWords,
  lostWords,
  roomIn,
  sizeWords,
  typingWords,
} from '../../../lib/chat/page/words.ts'
import { LimpetError } from '../../../lib/index.ts'

t.test('the state of the link in words', async (t) => {
  t.same(linkWords('connecting', true), { text: 'connecting…', tone: 'wait' })
  t.same(linkWords('connected', true), { text: 'connected', tone: 'good' })
  t.same(linkWords('recovering', true), { text: 'reconnecting…', tone: 'wait' })
  for (const state of ['connecting', 'recovering', 'suspended'] as const)
    t.same(linkWords(state, false, 3000), { text: 'you are offline', tone: 'bad' }, state)
  t.equal(linkWords('connected', false).text, 'connected', 'a link to this machine needs no network')
  t.equal(linkWords('closed', false).tone, 'bad')
})

t.test('when the next try is', async (t) => {
  t.equal(linkWords('recovering', true, 2001).text, 'reconnecting in 3 s')
  t.equal(linkWords('recovering', true, 600).text, 'reconnecting in 1 s')
  t.equal(linkWords('recovering', true, 499).text, 'reconnecting…')
  t.equal(linkWords('connecting', true, 9000).text, 'connecting in 9 s')
})

t.test('what was caught up', async (t) => {
  t.equal(backWords(0).text, 'back: nothing missed')
  t.equal(backWords(1).text, 'back: 1 message caught up')
  t.equal(backWords(4).text, 'back: 4 messages caught up')
})

t.test('what became of a message', async (t) => {
  t.equal(fateWords(new LimpetError('not_delivered')), 'not delivered')
  t.match(fateWords(new LimpetError('unknown')), /perhaps/)
  t.match(fateWords(new LimpetError('outbox_full')), /too much is waiting/)
  t.equal(fateWords('odd'), 'not sent: odd')
})

t.test('why a session was lost', async (t) => {
  t.match(
    lostWords('session_expired'),
    'The session was lost: the session waited longer than its grace. A new one',
  )
  t.match(lostWords('of_the_application'), 'lost: of_the_application.')
})

t.test('who is typing', async (t) => {
  t.equal(typingWords([]), '')
  t.equal(typingWords(['Ann']), 'Ann is typing…')
  t.equal(typingWords(['Ann', 'Bob']), 'Ann and Bob are typing…')
  t.equal(typingWords(['Ann', 'Bob', 'Cy']), '3 people are typing…')
})

t.test('a notice of typing counts for a while, and is told now and then', async (t) => {
  const typing = new Typing()
  typing.heard('a', 'Ann', 0)
  typing.heard('b', 'Bob', 3000)
  t.same(typing.names(4999), ['Ann', 'Bob'])
  t.same(typing.names(5000), ['Bob'])
  typing.stopped('b')
  t.same(typing.names(5000), [])
  t.same(
    [0, 1999, 2000, 2001].map((now) => typing.tells(now)),
    [true, false, true, false],
  )
  typing.sent()
  t.ok(typing.tells(2002), 'what is written next is told at once')
})

t.test('sizes, ages, counts', async (t) => {
  const sizes = {
    1: '1 B',
    999: '999 B',
    1000: '1 kB',
    999499: '999 kB',
    999500: '1.0 MB',
    4194304: '4.2 MB',
  }
  for (const [bytes, words] of Object.entries(sizes)) t.equal(sizeWords(Number(bytes)), words)
  t.same([59_999, 60_000, 3_600_000, 7_500_000].map(ageWords), [
    'under a minute',
    '1 min',
    '1 h 0 min',
    '2 h 5 min',
  ])
  t.same([counted(1, 'message'), counted(0, 'message')], ['1 message', '0 messages'])
})

t.test('the room in the URL', async (t) => {
  t.equal(roomIn(''), 'lobby')
  t.equal(roomIn('#'), 'lobby')
  t.equal(roomIn('#%20'), 'lobby')
  t.equal(roomIn('#reef'), 'reef')
  t.equal(roomIn('#tide%20pool'), 'tide pool')
  t.equal(roomIn('#100%'), '100%')
  t.equal(roomIn(`#${'x'.repeat(ROOM_MAX + 5)}`).length, ROOM_MAX)
})

t.test('a name has one colour, and something that stands for it', async (t) => {
  t.equal(hueOf('Ann'), hueOf('Ann'))
  for (const name of ['', 'Ann', '小林', 'x'.repeat(32)]) t.match(hueOf(name), /^hue-[0-7]$/)
  const initials = { ann: 'A', 小林: '小', ' øystein': 'Ø', '👩‍🚀 Eva': '👩‍🚀', é: 'É', '': '?' }
  for (const [name, initial] of Object.entries(initials)) t.equal(initialOf(name), initial)
})
