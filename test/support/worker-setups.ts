/** Workers as the tests of sessions, tasks, intake and endings want them: with one client that is connected. */
import { type Gate, gate, Peer, TestWorker, type TestWorkerOptions } from './core.ts'

/** Listens to `say`. */
export const setUp = async (
  limits: TestWorkerOptions['limits'] = {},
): Promise<{ worker: TestWorker; peer: Peer }> => {
  const worker = new TestWorker({ limits })
  worker.listen('say')
  return { worker, peer: await Peer.connected(worker) }
}

/** Has also a handler `slow` that waits for the gate of its turn. */
export const withSlow = async (
  concurrent = false,
): Promise<{ worker: TestWorker; gates: Gate[]; peer: Peer }> => {
  const worker = new TestWorker()
  const gates: Gate[] = []
  worker.listen('say')
  worker.listen(
    'slow',
    () => {
      const waits = gate()
      gates.push(waits)
      return waits.promise
    },
    concurrent,
  )
  return { worker, gates, peer: await Peer.connected(worker) }
}
