import t from 'tap'
import { Dialer } from '../../lib/bus/dialer.ts'
import { nothingLeft } from '../support/nothing-left.ts'

interface Dialled {
  readonly generation: number
  readonly at: number
}

function make() {
  const dialled: Dialled[] = []
  let next: (() => void) | null = null
  const dialer = new Dialer((generation) => {
    dialled.push({ generation, at: performance.now() })
    next?.()
  })
  const dialledNext = (): Promise<void> =>
    new Promise((resolve) => {
      next = resolve
    })
  /** ms until it dials again */
  const wait = async (loss: 'unreachable' | 'broken' | 'fault'): Promise<number> => {
    const from = performance.now()
    const again = dialledNext()
    dialer.lost(loss)
    dialer.lost(loss)
    await again
    return performance.now() - from
  }
  return { dialer, dialled, wait }
}

t.test('waits longer while nobody listens, begins anew with a generation', async (t) => {
  const { dialer, dialled, wait } = make()
  dialer.expect(5)
  dialer.expect(5)
  t.equal(dialled.length, 1)
  const waits = [await wait('unreachable'), await wait('unreachable'), await wait('unreachable')]
  t.ok(waits[0]! >= 9 && waits[1]! >= 19 && waits[2]! >= 39, String(waits))
  t.ok((await wait('broken')) < waits[2]!, 'an open one that broke is dialled soon')
  t.ok((await wait('fault')) >= 499)
  t.equal(dialled.length, 6, 'one loss dials once')
  dialer.lost('unreachable')
  dialer.expect(6)
  t.equal(dialled.at(-1)?.generation, 6, 'at once')
  dialer.stop()
})

t.test('nobody to dial', async (t) => {
  const { dialer, dialled } = make()
  dialer.expect(0)
  dialer.lost('broken')
  dialer.expect(3)
  dialer.lost('broken')
  dialer.expect(0)
  t.equal(dialled.length, 1)
})

nothingLeft(t)
