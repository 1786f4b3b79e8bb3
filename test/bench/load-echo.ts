/** Questions: each client asks its next one when the last is answered. */
import { pause, within } from '../support/until.ts'
import type { Crowd } from './crowd.ts'
import type { Job, Of, Outcome } from './job.ts'
import type { Member } from './member.ts'
import { payloadOf } from './payload.ts'
import { openWindow } from './window.ts'

const ANSWER_MS = 10_000

export async function echo(job: Job, crowd: Crowd, { clients }: Of<'echo'>): Promise<Outcome> {
  await crowd.connect(clients)
  let over = false
  const asking = crowd.members.map((member, i) => ask(crowd, member, i, () => over))
  await crowd.warm()
  const close = openWindow(job, crowd)
  await pause(job.windowMs)
  const measured = close()
  over = true
  const asked = await within(Promise.all(asking), ANSWER_MS, 'the last answers')
  const answered = crowd.deliveries
  const all = asked.reduce((sum, n) => sum + n, 0)
  const faults = answered === all ? [] : [`${answered} answers to ${all} questions`]
  crowd.checkConnected()
  return { ...measured, faults: [...faults, ...crowd.faults] }
}

/** @returns how many were asked and answered; each answer must bring back what was asked */
function ask(crowd: Crowd, member: Member, sender: number, isOver: () => boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    let number = 0
    let asked = ''
    let at = 0
    const next = (): void => {
      number += 1
      at = performance.now()
      asked = payloadOf({ sender, number, at })
      member.send(crowd.dialect.ask(asked, number))
    }
    member.onDelivery = (payload) => {
      crowd.latencies?.push(performance.now() - at)
      if (!payload.includes(asked)) reject(new Error(`question ${number} of ${sender} was answered wrong`))
      else if (isOver()) resolve(number)
      else next()
    }
    next()
  })
}
