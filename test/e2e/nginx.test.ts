import t from 'tap'
import { nothingLeft } from '../support/nothing-left.ts'
import { throughProxy } from './reverse-proxy-run.ts'

t.test('through nginx', (t) => throughProxy(t, 'nginx'))

nothingLeft(t)
