/** Runs the program that deals the journals of one generation to the slots of the next. */
import { type ChildProcess, fork } from 'node:child_process'
import type { Deal, Dealt } from '../wire/ipc.ts'

/** Resolves with the number of sessions; rejects with one sentence. @param started for whoever has to end it */
export function runDeal(exec: string, order: Deal, started: (child: ChildProcess) => void): Promise<number> {
  const child = fork(exec, [], { serialization: 'advanced' })
  started(child)
  return new Promise((resolve, reject) => {
    child.on('message', (message: { readonly type: 'up' } | Dealt) => {
      if (message.type === 'up') child.send(order, () => {})
      else if (message.type === 'dealt') resolve(message.sessions)
      else reject(new Error(message.reason))
    })
    child.on('error', reject)
    child.on('exit', (code, signal) =>
      reject(
        new Error(`the journal was not dealt to another number of workers: ${signal ?? `exit ${code}`}`),
      ),
    )
  })
}
