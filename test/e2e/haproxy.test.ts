import t from 'tap'
import { nothingLeft } from '../support/nothing-left.ts'
import { throughProxy } from './reverse-proxy-run.ts'

t.test('through HAProxy', (t) => throughProxy(t, 'haproxy'))

nothingLeft(t)
