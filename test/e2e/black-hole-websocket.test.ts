/** A network that swallows everything for 10 s, over websocket. */
import t from 'tap'
import { surviveBlackHole } from '../support/black-hole.ts'
import { nothingLeft } from '../support/nothing-left.ts'

t.test('websocket', (t) => surviveBlackHole(t, 'websocket'))

nothingLeft(t)
