/** 1,000 clients over polling against 4 workers: 0 wrong, 0 lost, also after all links were cut. */
import t from 'tap'
import { nothingLeft } from '../support/nothing-left.ts'
import { placeCrowd } from '../support/placement.ts'

t.test('polling', (t) => placeCrowd(t, 'polling'))

nothingLeft(t)
