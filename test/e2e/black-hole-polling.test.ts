/** A network that swallows everything for 10 s, over polling. */
import t from 'tap'
import { surviveBlackHole } from '../support/black-hole.ts'
import { nothingLeft } from '../support/nothing-left.ts'

t.test('polling', (t) => surviveBlackHole(t, 'polling'))

nothingLeft(t)
