/** 1,000 clients over websocket against 4 workers: 0 wrong, 0 lost, also after all links were cut. */
import t from 'tap'
import { nothingLeft } from '../support/nothing-left.ts'
import { placeCrowd } from '../support/placement.ts'

t.test('websocket', (t) => placeCrowd(t, 'websocket'))

nothingLeft(t)
