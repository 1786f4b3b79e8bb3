/** What an application waits for: answers to its questions, and that all it emitted is handled. */
import { LimpetError } from '../wire/codes.ts'
import type { AnswerResult } from '../wire/frames.ts'
import type { ClientSession } from './session.ts'
import type { Cancel, Surroundings } from './surroundings.ts'

interface Question {
  number: number
  resolve(value: unknown): void
  reject(error: LimpetError): void
  cancel: Cancel
}

interface Settling {
  readonly ordinal: number
  number: number
  resolve(handled: boolean): void
}

/** A timer of more fires at once. */
const TIMER_MAX_MS = 2 ** 31 - 1

export class Pending {
  readonly #session: ClientSession
  readonly #where: Surroundings
  /** By number in the current session: those of a lost one are settled before the next can have any. */
  #questions = new Map<number, Question>()
  #settlings: Settling[] = []

  constructor(session: ClientSession, where: Surroundings) {
    this.#session = session
    this.#where = where
  }

  /** @param number of the event whose answer is awaited */
  question(number: number, timeoutMs: number | null): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const question: Question = { number, resolve, reject, cancel: () => {} }
      this.#questions.set(number, question)
      if (timeoutMs === null) return
      const outOfTime = (): void => {
        this.#questions.delete(question.number)
        this.#session.abandon(question.number)
        reject(new LimpetError('timeout'))
      }
      question.cancel = this.#where.setTimer(outOfTime, Math.min(timeoutMs, TIMER_MAX_MS))
    })
  }

  answered(number: number, result: AnswerResult): void {
    const question = this.#questions.get(number)
    if (!question) return
    this.#questions.delete(number)
    question.cancel()
    if (result.ok) question.resolve(result.value)
    else question.reject(new LimpetError(result.code, result.message))
  }

  /** Resolves once all that was emitted so far is handled, or its session lost. */
  settled(): Promise<boolean> {
    const { ordinal, emitted: number } = this.#session
    return new Promise((resolve) => {
      this.#settlings.push({ ordinal, number, resolve })
      this.settle()
    })
  }

  /** What is handled by now is told. */
  settle(): void {
    const { ordinal, handled, state } = this.#session
    this.#settlings = this.#settlings.filter((settling) => {
      const isHandled = settling.ordinal === ordinal && settling.number <= handled
      if (!isHandled && settling.ordinal === ordinal && state !== 'closed') return true
      settling.resolve(isHandled)
      return false
    })
  }

  /** That session is lost; its messages 1 … handled were handled. */
  lost(ordinal: number, handled: number): void {
    this.#settlings = this.#settlings.filter((settling) => {
      if (settling.ordinal !== ordinal) return true
      settling.resolve(settling.number <= handled)
      return false
    })
  }

  /** All numbers fell: what they are of is in another session now. */
  renumber(by: number): void {
    const questions = [...this.#questions.values()]
    for (const waiting of [...questions, ...this.#settlings]) waiting.number -= by
    this.#questions = new Map(questions.map((question) => [question.number, question]))
  }
}
