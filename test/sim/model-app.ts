/** The worker's application in the model: its handlers end when the model says so, and it notes what it was told. */
import type { AnswerResult } from '../../lib/wire/frames.ts'
import type { Session, Task } from '../../lib/worker/session.ts'
import type { Page } from './model-page.ts'
import { ModelPromise } from './model-promise.ts'

/** Of one session. */
export interface Book {
  readonly id: string
  /** `lost`: with the worker's memory. */
  last: 'nothing' | 'open' | 'suspend' | 'resume' | 'close' | 'lost'
  /** Messages, with their numbers in the session. */
  sent: { readonly name: string; readonly number: number }[]
  readonly begun: string[]
}

const BEFORE: Readonly<Record<string, readonly Book['last'][]>> = {
  open: ['nothing'],
  suspend: ['open', 'resume'],
  resume: ['suspend'],
  close: ['open', 'suspend', 'resume'],
}

/** A handler at work: it settles in a move. */
class Handler extends ModelPromise<AnswerResult> {
  readonly session: Session
  readonly message: string

  constructor(session: Session, message: string) {
    super(() => {})
    this.session = session
    this.message = message
  }
}

export class Application {
  readonly pages: readonly Page[]
  readonly wrong: (what: string) => void
  books: Book[] = []
  handlers: Handler[] = []
  /** Over all sessions, and whatever became of the handler. */
  begun: string[] = []
  finished: string[] = []

  constructor(pages: readonly Page[], wrong: (what: string) => void) {
    this.pages = pages
    this.wrong = wrong
  }

  open(id: string): void {
    this.books.push({ id, last: 'nothing', sent: [], begun: [] })
  }

  book(id: string): Book {
    return this.books.find((book) => book.id === id)!
  }

  run(session: Session, task: Task): AnswerResult | Promise<AnswerResult> {
    const book = this.book(session.id)
    if (book.last === 'close') this.wrong(`the worker's application gets a ${task.kind} behind close`)
    if (task.kind === 'lifecycle') {
      if (!BEFORE[task.name]!.includes(book.last))
        this.wrong(`the worker's application is told ${task.name} behind ${book.last}`)
      book.last = task.name
    }
    if (task.kind !== 'message') return { ok: true, value: undefined }
    const message = String(task.event.args[0])
    this.#begin(book, message, task.number)
    const handler = new Handler(session, message)
    this.handlers.push(handler)
    // It is what lib/worker takes for one.
    return handler as unknown as Promise<AnswerResult>
  }

  /** What a session brings is the beginning of what one page said in it, and came in no other. */
  #begin(book: Book, message: string, number: number): void {
    if (this.books.some(({ begun }) => begun.includes(message))) this.wrong(`${message} is handled twice`)
    book.begun.push(message)
    if (!this.begun.includes(message)) this.begun.push(message)
    const said = this.pages.some((page) => {
      const ordinal = page.mine.find(({ name }) => name === message)?.ordinal
      const all = page.mine.filter((mine) => mine.ordinal === ordinal)
      return book.begun.every((begun, i) => all[i]?.name === begun)
    })
    if (!said || number !== book.begun.length)
      this.wrong(`${book.begun} are handled, the last one as number ${number}`)
    for (const { name, mine } of this.pages) {
      const denied = mine.some((m) => m.name === message && [m.fate, m.answer].includes('not_delivered'))
      if (denied) this.wrong(`${message} is handled, and ${name} was told that it is not delivered`)
    }
  }

  finish(handler: Handler): void {
    this.handlers = this.handlers.filter((other) => other !== handler)
    this.finished.push(handler.message)
    handler.settle({ ok: true, value: handler.message })
  }

  /** Its process dies, and these sessions come back: what was not written has not happened. */
  die(sessions: ReadonlyMap<string, Session>): void {
    this.handlers = []
    for (const book of this.books) {
      const session = sessions.get(book.id)
      if (session) {
        const undone = book.begun.splice(session.handled)
        this.finished = this.finished.filter((message) => !undone.includes(message))
        book.sent = book.sent.filter(({ number }) => number <= session.outbox.end)
        book.last = !session.opened ? 'nothing' : session.phase.kind === 'suspended' ? 'suspend' : 'open'
      } else if (book.last !== 'close') book.last = 'lost'
    }
  }
}
