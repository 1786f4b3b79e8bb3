/**
 * Chromium by its own protocol, without Playwright, whose pages are never hidden. Targets of the browser are spoken to in
 * sessions, all over one WebSocket.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { findChromium, QUIET } from './browser.ts'
import { until } from './until.ts'

interface Answer {
  readonly id: number
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}

interface Waiting {
  resolve(result: Record<string, unknown>): void
  reject(error: Error): void
}

export class Chromium {
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, Waiting>()
  readonly #end: () => Promise<void>
  #lastId = 0

  constructor(socket: WebSocket, end: () => Promise<void>) {
    this.#socket = socket
    this.#end = end
    socket.on('message', (data) => this.#heard(JSON.parse(String(data)) as Answer))
  }

  send(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.#lastId
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }))
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  async open(url: string): Promise<ChromiumTab> {
    const { targetId } = await this.send('Target.createTarget', { url })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    return new ChromiumTab(this, String(targetId), String(sessionId))
  }

  async close(): Promise<void> {
    await this.send('Browser.close').catch(() => {})
    this.#socket.close()
    await this.#end()
  }

  #heard({ id, result, error }: Answer): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error) waiting?.reject(new Error(error.message))
    else waiting?.resolve(result ?? {})
  }
}

export class ChromiumTab {
  readonly #chromium: Chromium
  readonly #targetId: string
  readonly #sessionId: string

  constructor(chromium: Chromium, targetId: string, sessionId: string) {
    this.#chromium = chromium
    this.#targetId = targetId
    this.#sessionId = sessionId
  }

  /** In front of the others, which are hidden then. */
  async activate(): Promise<void> {
    await this.#chromium.send('Target.activateTarget', { targetId: this.#targetId })
  }

  async evaluate<T>(expression: string): Promise<T> {
    const params = { expression, awaitPromise: true, returnByValue: true }
    const { result, exceptionDetails } = await this.#chromium.send(
      'Runtime.evaluate',
      params,
      this.#sessionId,
    )
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails))
    return (result as { value: T }).value
  }
}

/** Chromium's other processes outlive the first, and write on for a moment. */
function isGone(directory: string): boolean {
  try {
    rmSync(directory, { recursive: true, force: true })
    return true
  } catch {
    return false
  }
}

/** null where there is none; `launchBrowser` says what to do about it. */
export async function startChromium(): Promise<Chromium | null> {
  const path = findChromium()
  if (path === null) return null
  const directory = mkdtempSync('/tmp/limpet-chromium-')
  const args = [...QUIET, '--headless', '--remote-debugging-port=0', `--user-data-dir=${directory}`]
  // What it leaves in its temporary folder goes with its profile.
  const env = { ...process.env, TMPDIR: directory }
  const child = spawn(path, [...args, 'about:blank'], { stdio: 'ignore', env })
  const exit = once(child, 'exit')
  const end = async (): Promise<void> => {
    child.kill()
    await exit
    await until(() => isGone(directory), 10_000, 'the end of what Chromium leaves')
  }
  try {
    const port = join(directory, 'DevToolsActivePort')
    const lines = (): string[] => readFileSync(port, { encoding: 'utf8', flag: 'a+' }).split('\n')
    await until(() => lines().length >= 2 && lines()[1] !== '', 20_000, 'the port of Chromium')
    const socket = new WebSocket(`ws://127.0.0.1:${lines()[0]}${lines()[1]}`)
    await once(socket, 'open')
    return new Chromium(socket, end)
  } catch (error) {
    await end()
    throw error
  }
}
