import t from 'tap'
import type { Arrival } from '../../lib/primary/handover.ts'
import { Parking } from '../../lib/primary/parking.ts'

const arrival = (name: string): Arrival =>
  ({ handle: {}, head: Buffer.from(name), route: { kind: 'any' } }) as unknown as Arrival
const nameOf = ({ head }: Arrival): string => String(head)

t.test('held in order while the slot is on its way back, bounded in number', async (t) => {
  const refused: string[] = []
  const parking = new Parking(60_000, 2, (late) => void refused.push(nameOf(late)))
  t.notOk(parking.push(arrival('too early')), 'a slot that never was there')
  parking.open = true
  t.ok(parking.push(arrival('a')))
  t.ok(parking.push(arrival('b')))
  t.notOk(parking.push(arrival('one too many')))
  t.same(parking.take().map(nameOf), ['a', 'b'])
  t.ok(parking.push(arrival('c')))
  parking.close()
  t.same(refused, ['c'])
  t.notOk(parking.push(arrival('too late')))
})

t.test('bounded in time', async (t) => {
  // The timer of the parking keeps no process alive.
  const alive = setInterval(() => {}, 1000)
  const parking = await new Promise<Parking>((resolve) => {
    const it: Parking = new Parking(10, 2, () => resolve(it))
    it.open = true
    it.push(arrival('a'))
  })
  clearInterval(alive)
  t.same(parking.take(), [])
  parking.close()
})

t.test('switched off', async (t) => {
  const parking = new Parking(0, 2, () => t.fail())
  parking.open = true
  t.notOk(parking.push(arrival('a')))
  parking.close()
})
