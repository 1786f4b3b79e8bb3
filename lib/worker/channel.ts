/** The worker's end of its channel with the primary. */
import { isToWorker, type ToPrimary } from '../wire/ipc.ts'

/** Settled by the primary's `recover`. */
export function turnCome(): Promise<void> {
  return new Promise((resolve) => {
    const heard = (message: unknown): void => {
      if (!isToWorker(message) || message.type !== 'recover') return
      process.off('message', heard)
      resolve()
    }
    process.on('message', heard)
  })
}

export function tell(message: ToPrimary): void {
  process.send?.(message)
}
