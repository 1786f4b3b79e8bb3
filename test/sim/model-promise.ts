/**
 * Promises whose state is plain, so that it can be kept and restored: lib/worker gets them in the place of the
 * platform's. None of them rejects: what runs in the model says so by its result.
 */

type Settle<T> = (value: T) => void

/** Those that are not settled yet: nothing else may lead to them but a function. */
export const pending: object[] = []
const jobs: (() => void)[] = []

export class ModelPromise<T> {
  isSettled = false
  value: T | null = null
  reactions: (() => void)[] = []

  constructor(executor: (resolve: Settle<T | ModelPromise<T>>) => void) {
    pending.push(this)
    executor((value) => {
      if (value instanceof ModelPromise) value.then((so) => this.settle(so))
      else this.settle(value)
    })
  }

  settle(value: T): void {
    if (this.isSettled) return
    this.isSettled = true
    this.value = value
    pending.splice(pending.indexOf(this), 1)
    jobs.push(...this.reactions)
    this.reactions = []
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise.
  then<U>(call: (value: T) => U | ModelPromise<U>): ModelPromise<U> {
    return new ModelPromise<U>((resolve) => {
      const job = (): void => resolve(call(this.value as T))
      if (this.isSettled) jobs.push(job)
      else this.reactions.push(job)
    })
  }

  finally(call: () => void): ModelPromise<T> {
    return this.then((value) => {
      call()
      return value
    })
  }
}

/** What the platform does behind each callback. */
export function runJobs(): void {
  for (let job = jobs.shift(); job; job = jobs.shift()) job()
}
