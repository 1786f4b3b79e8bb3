/**
 * One simulated connection. Frames wait in two queues until the world moves them; an end learns of a cut when the
 * world tells it, which may be late (half-open) or much later.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { type Data, Frame } from '../../lib/wire/frames.ts'
import { NumberedReceiver, NumberedSender } from '../../lib/wire/numbered.ts'
import type { Bundle } from '../../lib/worker/bundle.ts'
import type { Link, Transport } from '../../lib/worker/link.ts'
import type { Session } from '../../lib/worker/session.ts'

/** Frames in flight past which the server's end says it is not writable. */
const LOW_MARK = 6

export class SimLink implements Link {
  readonly id: number
  readonly client: number
  readonly transport: Transport
  readonly address = '127.0.0.1'
  readonly segment: string
  headers: IncomingHttpHeaders | null = {}
  session: Session | null = null
  readonly toServer: Data[] = []
  readonly toClient: Data[] = []
  /** Nothing moves any more. */
  cut = false
  /** Each end, until it knows of the end. */
  serverOpen = true
  clientOpen = true
  /** The end closed behind what it wrote. */
  serverClosing = false
  clientClosing = false
  reading = true
  wasBusy = false
  readonly serverSide = { sender: new NumberedSender(), receiver: new NumberedReceiver() }
  readonly clientSide = { sender: new NumberedSender(), receiver: new NumberedReceiver() }

  constructor(id: number, client: number, transport: Transport, segment: string) {
    this.id = id
    this.client = client
    this.transport = transport
    this.segment = segment
  }

  get writable(): boolean {
    const writable = this.serverOpen && !this.serverClosing && this.toClient.length < LOW_MARK
    if (!writable) this.wasBusy = true
    return writable
  }

  send(frames: readonly (Data | Frame)[]): void {
    if (!this.serverOpen || this.serverClosing || this.cut) return
    for (const frame of frames) {
      const data = frame instanceof Frame ? frame.data : frame
      this.toClient.push(this.transport === 'polling' ? this.serverSide.sender.encode(data) : data)
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

  clientSend(frames: readonly Data[]): void {
    if (!this.clientOpen || this.clientClosing || this.cut) return
    for (const data of frames) {
      this.toServer.push(this.transport === 'polling' ? this.clientSide.sender.encode(data) : data)
    }
  }
}
