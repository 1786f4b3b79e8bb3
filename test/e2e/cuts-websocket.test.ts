/** More than 100 cuts over WebSocket: behind counted bytes of a short conversation, then at random under load. */
import t from 'tap'
import { prove } from '../support/journeys.ts'
import { nothingLeft } from '../support/nothing-left.ts'

t.test('WebSocket', (t) => prove(t, 'websocket', { stride: 30, clients: 8, cuts: 60, limitMs: 20_000 }))

nothingLeft(t)
