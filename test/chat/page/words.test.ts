import t from 'tap'
import { ROOM_MAX } from '../../../lib/chat/events.ts'
import { backWords, fateWords, hueOf, linkWords, roomIn } from '../../../lib/chat/page/words.ts'
import { LimpetError } from '../../../lib/index.ts'

t.test('the state of the link in words', async (t) => {
  t.same(linkWords('connecting', true), { text: 'connecting…', tone: 'wait' })
  t.same(linkWords('connected', true), { text: 'connected', tone: 'good' })
  t.same(linkWords('recovering', true), { text: 'reconnecting…', tone: 'wait' })
  for (const state of ['connecting', 'recovering', 'suspended'] as const)
    t.same(linkWords(state, false), { text: 'you are offline', tone: 'bad' }, state)
  t.equal(linkWords('connected', false).text, 'connected', 'a link to this machine needs no network')
  t.equal(linkWords('closed', false).tone, 'bad')
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

t.test('the room in the URL', async (t) => {
  t.equal(roomIn(''), 'lobby')
  t.equal(roomIn('#'), 'lobby')
  t.equal(roomIn('#%20'), 'lobby')
  t.equal(roomIn('#reef'), 'reef')
  t.equal(roomIn('#tide%20pool'), 'tide pool')
  t.equal(roomIn('#100%'), '100%')
  t.equal(roomIn(`#${'x'.repeat(ROOM_MAX + 5)}`).length, ROOM_MAX)
})

t.test('a name has one colour', async (t) => {
  t.equal(hueOf('Ann'), hueOf('Ann'))
  for (const name of ['', 'Ann', '小林', 'x'.repeat(32)]) t.match(hueOf(name), /^hue-[0-7]$/)
})
