/** Questions: each client asks its next one when the last is answered. */
import { pause } from '../support/until.ts'
import type { Crowd } from './crowd.ts'
import type { Job, Of, Outcome } from './job.ts'
import type { Member } from './member.ts'
import { payloadOf } from './payload.ts'
import { Window } from './window.ts'

export async function echo(job: Job, crowd: Crowd, { clients }: Of<'echo'>): Promise<Outcome> {
  await crowd.connect(clients)
  let over = false
  const asking = crowd.members.map((member, i) => ask(crowd, member, i, () => over))
  await pause(job.warmMs)
  const window = new Window(job, crowd)
  await pause(job.windowMs)
  const measured = window.end()
  over = true
  await Promise.race([Promise.all(asking), pause(5000)])
  const asked = (await Promise.race([Promise.all(asking), []])).reduce((all, n) => all + n, 0)
  const faults = [...crowd.faults]
  if (asked !== crowd.deliveries) faults.push(`${crowd.deliveries} answers to ${asked} questions`)
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
