/** Somebody at the built-in chat's page, in a real browser. */
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core'
import { faintTexts } from './contrast.ts'

export const SECONDS = { timeout: 10_000 }

export interface Shift {
  readonly value: number
  /** What moved. */
  readonly what: string
}

export class Person {
  page!: Page
  /** Of the last page. */
  segment = ''
  readonly #context: BrowserContext
  /** Errors nobody caught, and violations of the page's policy. */
  readonly errors: string[] = []

  private constructor(context: BrowserContext) {
    this.#context = context
  }

  /**
   * @param width CSS pixels: 390 is a phone, 1280 a desk
   * @param fits whether the segment leads where it should: the page draws one each time it is opened
   */
  static async arrive(
    browser: Browser,
    url: string,
    name: string,
    width: number,
    fits: (segment: string) => boolean,
  ): Promise<Person> {
    // A context of its own: what one page keeps must not reach the other.
    const context = await browser.newContext({ viewport: { width, height: 800 }, acceptDownloads: true })
    await context.addInitScript((nick) => {
      if (localStorage.getItem('limpet-name') === null) localStorage.setItem('limpet-name', nick)
      const told = window as unknown as { shifts: Shift[]; violations: string[] }
      told.shifts = []
      told.violations = []
      addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
        told.violations.push(`${violatedDirective}: ${blockedURI}`)
      })
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          const { value, sources } = entry as PerformanceEntry & {
            value: number
            sources: { node: Element }[]
          }
          const what = sources.map(({ node }) => node?.outerHTML?.slice(0, 80) ?? '?').join(' ')
          told.shifts.push({ value, what })
        }
      }).observe({ type: 'layout-shift', buffered: true })
    }, name)
    const person = new Person(context)
    await person.open(url)
    while (!fits(person.segment)) {
      await person.page.close()
      await person.open(url)
    }
    return person
  }

  /** A page, with what an earlier one left in the browser. */
  async open(url: string): Promise<void> {
    const page = await this.#context.newPage()
    this.page = page
    page.on('pageerror', (error) => this.errors.push(error.message))
    page.on('console', (message) => {
      const text = message.text()
      if (/Content Security Policy/i.test(text)) this.errors.push(text)
    })
    const socket = page.waitForEvent('websocket', SECONDS)
    await page.goto(url)
    await this.link(/connected/)
    this.segment = /\/api\/([^/?]+)/.exec((await socket).url())?.[1] ?? ''
  }

  part(name: string): Locator {
    return this.page.locator(`[data-part="${name}"]`)
  }

  line(text: string): Locator {
    return this.page.locator('li[data-key]', { hasText: text }).last()
  }

  /** In the list of members. */
  person(name: string): Locator {
    return this.part('people').locator('li', { hasText: name })
  }

  /** In the list of rooms. */
  room(name: string): Locator {
    return this.page.locator(`li[data-room="${name}"]`)
  }

  async say(text: string): Promise<void> {
    await this.part('text').fill(text)
    await this.part('text').press('Enter')
  }

  async sees(text: string): Promise<void> {
    await this.line(text).waitFor(SECONDS)
  }

  async link(words: RegExp): Promise<void> {
    await this.part('link').filter({ hasText: words }).waitFor(SECONDS)
  }

  /** By name, as one types it. */
  async joins(room: string): Promise<void> {
    await this.page.evaluate((hash) => {
      location.hash = hash
    }, encodeURIComponent(room))
    await this.part('title').getByText(room, { exact: true }).waitFor(SECONDS)
    await this.part('people')
      .locator('li', { hasText: 'you' })
      .waitFor({ ...SECONDS, state: 'attached' })
  }

  async renames(name: string): Promise<void> {
    // On a phone it is in a panel.
    await this.part('name').evaluate((input, value) => {
      ;(input as HTMLInputElement).value = value
      ;(input as HTMLInputElement).form!.requestSubmit()
    }, name)
  }

  /** Whether it is in sight or in a panel. */
  press(name: string): Promise<void> {
    return this.part(name).evaluate((button) => (button as HTMLElement).click())
  }

  /** What has the focus: its part, or what it says. */
  focus(): Promise<string> {
    return this.page.evaluate(() => {
      const element = document.activeElement as HTMLElement
      return element.dataset.part ?? element.ariaLabel ?? element.innerText.replace(/\s/g, '')
    })
  }

  async lines(): Promise<string[]> {
    return this.page.locator('li[data-key] > p').allInnerTexts()
  }

  async send(name: string, bytes: Uint8Array): Promise<void> {
    const buffer = Buffer.from(bytes)
    await this.part('file').setInputFiles([{ name, mimeType: 'application/octet-stream', buffer }])
  }

  async saved(name: string): Promise<Buffer> {
    const download = this.page.waitForEvent('download', SECONDS)
    await this.page
      .getByRole('button', { name: `Save ${name}`, exact: true })
      .last()
      .click()
    const chunks: Buffer[] = []
    for await (const chunk of await (await download).createReadStream()) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  }

  shifts(): Promise<Shift[]> {
    return this.page.evaluate(() => (window as unknown as { shifts: Shift[] }).shifts.splice(0))
  }

  /** Moves the whole page for a frame: to see that `shifts` would tell. */
  pushDown(): Promise<void> {
    return this.page.evaluate(async () => {
      const weight = document.createElement('p')
      weight.textContent = 'weight'
      document.querySelector('main')!.prepend(weight)
      for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame)
      weight.remove()
    })
  }

  /** Text in sight whose contrast is below 4.5, as WCAG counts it. */
  faint(): Promise<string[]> {
    return this.page.evaluate(faintTexts)
  }

  async complaints(): Promise<string[]> {
    const violations = () => (window as unknown as { violations: string[] }).violations
    return [...this.errors, ...(await this.page.evaluate(violations))]
  }
}

/** A picture of one colour. */
export async function pngOf(page: Page, colour: string): Promise<Uint8Array> {
  const bytes = await page.evaluate(async (fill) => {
    const canvas = new OffscreenCanvas(300, 200)
    const context = canvas.getContext('2d')!
    context.fillStyle = fill
    context.fillRect(0, 0, 300, 200)
    return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())]
  }, colour)
  return Uint8Array.from(bytes)
}

/** Name and role of everything that takes the focus, as a screen reader is told. */
export async function focusables(page: Page): Promise<{ role: string; name: string }[]> {
  const devtools = await page.context().newCDPSession(page)
  try {
    const { nodes } = await devtools.send('Accessibility.getFullAXTree')
    return nodes
      .filter(
        ({ ignored, properties = [] }) =>
          !ignored && properties.some(({ name, value }) => name === 'focusable' && value.value === true),
      )
      .map(({ role, name }) => ({ role: String(role?.value), name: String(name?.value ?? '') }))
  } finally {
    await devtools.detach()
  }
}
