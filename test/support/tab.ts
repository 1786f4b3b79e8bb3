/** Tabs of a real browser with the page of test/e2e/apps/browser.js, and what must hold of what they have seen. */
import type { BrowserContext, Page } from 'playwright-core'
import type { Test } from 'tap'
import { connect } from '../../lib/client/index.ts'
import { until } from './until.ts'

/** As the page keeps it. */
interface Log {
  readonly seen: string[]
  /** Events of the client with what they told. */
  readonly told: (string | [name: string, info: unknown])[]
  readonly debug: [what: string, details: unknown][]
  readonly words: string[]
  readonly violations: string[]
  readonly persisted: boolean | null
}

export interface TabOptions {
  readonly storage?: boolean
  /** Said while the page is being left. */
  readonly farewell?: string
  readonly [option: string]: unknown
}

interface ToServer {
  enter(): void
  say(text: string): string
}
interface ToClient {
  said(text: string): void
}

/** The whole of what is said, in the room's order, as a program beside the browser sees it. */
export class Observer {
  readonly heard: string[] = []
  readonly #client: ReturnType<typeof connect<ToServer, ToClient>>
  #marks = 0

  private constructor(url: string, room: string) {
    this.#client = connect<ToServer, ToClient>(url, { auth: room, reconnectDelayMaxMs: 500 })
    this.#client.on('said', (text) => this.heard.push(text))
  }

  /** In the room. */
  static async start(url: string, room?: string): Promise<Observer> {
    const observer = new Observer(url, room ?? 'all')
    await observer.#client.emitWithAck('enter')
    return observer
  }

  /** Resolves when it is said. */
  async say(...texts: string[]): Promise<void> {
    await Promise.all(texts.map((text) => this.#client.emitWithAck('say', text)))
  }

  /**
   * Says something and waits until these tabs have seen it: then each must have seen what was said from its first message on,
   * in the room's order, nothing missing and nothing twice; and what the tabs said was said once.
   */
  async agrees(t: Test, tabs: readonly Tab[], said: readonly string[] = []): Promise<void> {
    const mark = `mark ${++this.#marks} é 😀`
    // A new session is in the room some turns after its welcome.
    await Promise.all(tabs.map(({ page }) => page.evaluate(`window.client.emitWithAck('enter')`)))
    await this.say(mark)
    await until(() => this.heard.includes(mark), 10_000, mark)
    for (const tab of tabs) {
      await tab.until(`what leads to ${mark}`, async () => (await tab.seen()).at(-1) === mark)
      const seen = await tab.seen()
      const first = this.heard.indexOf(seen[0]!)
      t.same(seen, this.heard.slice(first, this.heard.indexOf(mark) + 1), `${tab.name}: all, once, in order`)
      t.same((await tab.log()).violations, [], `${tab.name}: nothing against the policy`)
      t.same(tab.errors, [], `${tab.name}: no error`)
    }
    t.same(
      this.heard.filter((text) => said.includes(text)),
      said,
      'what the pages said: once, in order',
    )
  }

  close(): void {
    this.#client.close()
  }
}

export class Tab {
  readonly name: string
  readonly page: Page
  readonly errors: string[] = []

  constructor(name: string, page: Page) {
    this.name = name
    this.page = page
    page.on('pageerror', (error) => this.errors.push(error.message))
  }

  /** Opens the page and waits until it is connected. */
  static async open(
    context: BrowserContext,
    name: string,
    url: string,
    options: TabOptions = {},
  ): Promise<Tab> {
    const tab = new Tab(name, await context.newPage())
    await tab.go(url, options)
    await tab.is('connected')
    return tab
  }

  async go(url: string, options: TabOptions = {}): Promise<void> {
    await this.page.goto(`${url}/#${encodeURIComponent(JSON.stringify(options))}`)
  }

  async log(): Promise<Log> {
    return this.page.evaluate('window.log')
  }

  async seen(): Promise<string[]> {
    return this.page.evaluate('window.log.seen')
  }

  /** The back button. What comes from the back/forward cache has no `load` that could be waited for. */
  async back(): Promise<void> {
    await this.page.evaluate('void history.back()')
    await this.until('the page before', async () => (await this.log()).seen.length > 0)
  }

  /** The names of what was told. */
  async told(): Promise<string[]> {
    const { told } = await this.log()
    return told.map((entry) => (typeof entry === 'string' ? entry : entry[0]))
  }

  /** What the client said with the last event of this name. */
  async last(name: string): Promise<unknown> {
    const { told } = await this.log()
    return told.findLast((entry) => entry[0] === name)?.[1]
  }

  async id(): Promise<string> {
    return this.page.evaluate('window.client.id')
  }

  async state(): Promise<string> {
    return this.page.evaluate('window.client.state')
  }

  async say(...texts: string[]): Promise<void> {
    await this.page.evaluate(`${JSON.stringify(texts)}.forEach((text) => window.client.emit('say', text))`)
  }

  async is(state: string): Promise<void> {
    await this.until(state, async () => (await this.state()) === state)
  }

  async tells(name: string, times = 1): Promise<void> {
    await this.until(name, async () => (await this.told()).filter((one) => one === name).length >= times)
  }

  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    // A page that is being left has no context to ask.
    await until(() => holds().catch(() => false), 10_000, `${this.name}: ${what}`)
  }
}
