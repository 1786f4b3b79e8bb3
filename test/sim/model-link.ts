/** A WebSocket of the model: two queues, and two ends that learn of its end each in its own time. */
import { type Data, Frame } from '../../lib/wire/frames.ts'
import type { Bundle } from '../../lib/worker/bundle.ts'
import type { Link } from '../../lib/worker/link.ts'
import type { Session } from '../../lib/worker/session.ts'
import type { Page } from './model-page.ts'

export class ModelLink implements Link {
  readonly transport = 'websocket'
  readonly address = '127.0.0.1'
  readonly segment = 'segment'
  headers = null
  session: Session | null = null
  readonly id: number
  readonly page: Page
  /** Frames on their way past which it takes no more of the worker. */
  readonly window: number
  toServer: Data[] = []
  toClient: Data[] = []
  clientOpen = true
  /** `closing`: it closed behind what it wrote, and reads no more. */
  server: 'open' | 'closing' | 'gone' = 'open'
  /** All that the worker wrote will come. */
  orderly = false
  /** The worker has read something here. */
  used = false
  /** It took no more when it was asked. */
  busy = false

  constructor(id: number, page: Page, window: number) {
    this.id = id
    this.page = page
    this.window = window
  }

  get writable(): boolean {
    if (this.server !== 'open') return false
    this.busy = this.window > 0 && this.toClient.length >= this.window
    return !this.busy
  }

  send(frames: readonly (Data | Frame)[]): void {
    if (this.server !== 'open') throw new Error('the worker writes to a link behind its end')
    if (!this.clientOpen) return
    for (const frame of frames) this.toClient.push(frame instanceof Frame ? frame.data : frame)
  }

  sendBundle(bundle: Bundle): void {
    this.send(bundle.frames())
  }

  close(): void {
    if (this.server !== 'open') return
    this.server = 'closing'
    this.orderly = true
    this.toServer = []
  }

  terminate(): void {
    this.close()
    this.orderly = false
    this.toClient = []
  }

  setReading(): void {}

  clientSend(frames: readonly Data[]): void {
    if (!this.clientOpen) throw new Error('the client writes to a link behind its end')
    if (this.server === 'open') this.toServer.push(...frames)
  }

  /** What it has not read it never will. */
  clientGone(): void {
    this.clientOpen = false
    this.toClient = []
  }

  serverGone(): void {
    this.server = 'gone'
    this.toServer = []
    this.session = null
  }
}
