/**
 * One simulated connection between a page and a worker. Frames wait in two queues until the world moves them; an end
 * learns of a cut when the world tells it, which may be late (half-open) or much later.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Link as ClientLink, LinkEvents } from '../../lib/client/link.ts'
import { type Data, Frame } from '../../lib/wire/frames.ts'
import { NumberedReceiver, NumberedSender } from '../../lib/wire/numbered.ts'
import type { Bundle } from '../../lib/worker/bundle.ts'
import type { Link, Transport } from '../../lib/worker/link.ts'
import type { Session } from '../../lib/worker/session.ts'

/** Frames in flight past which an end says that it is not writable. */
const LOW_MARK = 6

/** As the worker sees it. */
export class SimLink implements Link {
  readonly name: string
  readonly transport: Transport
  readonly address = '127.0.0.1'
  readonly segment: string
  headers: IncomingHttpHeaders | null = {}
  session: Session | null = null
  readonly toServer: Data[] = []
  readonly toClient: Data[] = []
  readonly client: ClientEnd
  /** The worker knows of it. */
  accepted = false
  /** A welcome has left on it. */
  welcomed = false
  /** Nothing enters it any more; what is in it may still arrive. */
  cut = false
  /** Each end, until it knows of the end. */
  serverOpen = true
  clientOpen = true
  /** The end closed behind what it wrote. */
  serverClosing = false
  clientClosing = false
  reading = true
  readonly #sender = new NumberedSender()
  readonly #receiver = new NumberedReceiver()
  #wasBusy = false

  constructor(name: string, transport: Transport, segment: string, events: LinkEvents, now: () => number) {
    this.name = name
    this.transport = transport
    this.segment = segment
    this.client = new ClientEnd(this, events, now)
  }

  get writable(): boolean {
    const writable = this.serverOpen && !this.serverClosing && this.toClient.length < LOW_MARK
    if (!writable) this.#wasBusy = true
    return writable
  }

  send(frames: readonly (Data | Frame)[]): void {
    if (!this.serverOpen || this.serverClosing || this.cut) return
    for (const frame of frames) {
      const data = frame instanceof Frame ? frame.data : frame
      if (typeof data === 'string' && data.startsWith('w')) this.welcomed = true
      this.toClient.push(this.transport === 'polling' ? this.#sender.encode(data) : data)
    }
  }

  sendBundle(bundle: Bundle): void {
    this.send(bundle.frames())
  }

  close(): void {
    this.serverClosing = true
  }

  terminate(): void {
    this.cut = true
    this.serverClosing = true
  }

  setReading(reading: boolean): void {
    this.reading = reading
  }

  /** The next frame from the client; null where the link passes over it, or breaks. */
  take(): Data | null {
    const data = this.toServer.shift()!
    if (this.transport === 'websocket') return data
    const result = this.#receiver.decode(data)
    if (result.ok) return result.data
    if (result.reason !== 'repeat') this.terminate()
    return null
  }

  /** It said that it is busy and is not any more. */
  drained(): boolean {
    const drained = this.#wasBusy && this.serverOpen && this.toClient.length < LOW_MARK
    if (drained) this.#wasBusy = false
    return drained
  }
}

/** The other end. */
class ClientEnd implements ClientLink {
  readonly events: LinkEvents
  heardAt = 0
  readonly ahead = 0
  endedAt = 0
  readonly #link: SimLink
  readonly #now: () => number
  readonly #sender = new NumberedSender()
  readonly #receiver = new NumberedReceiver()
  #wasBusy = false

  constructor(link: SimLink, events: LinkEvents, now: () => number) {
    this.#link = link
    this.events = events
    this.#now = now
  }

  get transport(): Transport {
    return this.#link.transport
  }

  get writable(): boolean {
    const writable = this.#link.toServer.length < LOW_MARK
    if (!writable) this.#wasBusy = true
    return writable
  }

  send(frames: readonly Data[]): void {
    const link = this.#link
    if (!link.clientOpen || link.clientClosing || link.cut) return
    for (const data of frames)
      link.toServer.push(link.transport === 'polling' ? this.#sender.encode(data) : data)
  }

  get isOpen(): boolean {
    return this.#link.clientOpen && !this.#link.clientClosing
  }

  close(): void {
    if (this.isOpen) this.endedAt = this.#now()
    this.#link.clientClosing = true
  }

  /** It learns that nothing will come any more. */
  lost(): void {
    if (!this.#link.clientOpen) return
    const { isOpen } = this
    this.#link.clientOpen = false
    // Whoever closed it itself expects nothing more of it.
    if (!isOpen) return
    this.endedAt = this.#now()
    this.events.closed()
  }

  /** The next frame from the server; null where the link passes over it; 'broken' where it skipped one. */
  take(): Data | null | 'broken' {
    const data = this.#link.toClient.shift()!
    this.heardAt = this.#now()
    if (this.#link.transport === 'websocket') return data
    const result = this.#receiver.decode(data)
    if (result.ok) return result.data
    return result.reason === 'repeat' ? null : 'broken'
  }

  drained(): boolean {
    const drained = this.#wasBusy && this.#link.toServer.length < LOW_MARK
    if (drained) this.#wasBusy = false
    return drained
  }
}
