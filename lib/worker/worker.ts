/** Links, sessions, rooms, the mesh and the application of one worker process, tied together. Obeys the primary alone. */
import { createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { PerAddress } from '../addresses.ts'
import type { Bus } from '../bus/bus.ts'
import { decodeItem } from '../bus/items.ts'
import { createMesh } from '../bus/mesh.ts'
import type { Options } from '../options.ts'
import { placeRoom } from '../placement.ts'
import type { Start, ToWorker } from '../wire/ipc.ts'
import { loadApp } from './app.ts'
import { tell, turnCome } from './channel.ts'
import { createLinkEngine, createRawEngine, hasRawListeners } from './engine.ts'
import { adoptHandle } from './handle.ts'
import { answerHealth } from './health.ts'
import { createEdge } from './http.ts'
import { type Journal, memoryOnly } from './journal.ts'
import { originOf } from './origin.ts'
import { RandomIds } from './random-ids.ts'
import { Rooms } from './room.ts'
import { RoomPlaces } from './room-places.ts'
import { AppServer, type PageHandler } from './server.ts'
import { Sessions } from './sessions.ts'
import { openSlotJournal } from './slot-journal.ts'
import { WorkerState } from './state.ts'
import { StateClock } from './state-clock.ts'
import { stateLimitsOf } from './state-limits.ts'
import { Terminator } from './terminator.ts'
import { Turn } from './turn.ts'

/** How late a deadline may be noticed. */
const TICK_MS = 50
/** Largest frame between workers; a message may be larger only where `--payload-bytes` says so. */
const BUS_FRAME_BYTES = 64 * 1024 * 1024
/** How long a question to another worker may take. */
const ASK_MS = 5000

export interface WorkerParts {
  /** Runs where no application was given. */
  readonly builtIn: (server: AppServer, options: Options) => unknown
  /** Pages of limpet itself, asked before the application's; false where the path is not one. */
  readonly pages: () => PageHandler
}

export class Worker {
  readonly #start: Start
  readonly #options: Options
  readonly #log: Logger
  readonly #state: WorkerState
  readonly #stateClock = new StateClock()
  #journal: Journal = memoryOnly
  readonly #turn: Turn
  readonly #sessions: Sessions
  readonly #rooms: Rooms
  readonly #connections: PerAddress
  readonly #links: ReturnType<typeof createLinkEngine>
  readonly #raw: ReturnType<typeof createRawEngine>
  readonly #server: AppServer
  #bus: Bus | null = null
  #edge: ReturnType<typeof createEdge> | null = null
  #terminator: Terminator | null = null
  /** Of each slot, as the primary last said. */
  #generations: readonly number[] | null = null
  #clock: NodeJS.Timeout | null = null

  constructor(message: Start, log: Logger) {
    this.#start = message
    this.#log = log
    const options = message.options as unknown as Options
    this.#options = options
    const { slot } = message
    const { payloadBytes, pingIntervalMs, pingTimeoutMs, handlerMs } = options
    this.#connections = new PerAddress(options.connectionsPerAddress)
    const engine = {
      connections: this.#connections,
      slot,
      payloadBytes,
      pingIntervalMs,
      pingTimeoutMs,
      addressOf: (req: IncomingMessage) => originOf(req).address,
      segmentOf: (req: IncomingMessage) => originOf(req).segment,
      refused: (reason: string) => log.debug({ reason }, 'engine.io refused a request'),
    }
    this.#raw = createRawEngine(engine)
    this.#server = new AppServer(this.#raw, log, payloadBytes, handlerMs)
    this.#state = new WorkerState(slot, stateLimitsOf(options))
    this.#turn = this.#makeTurn()
    const random = new RandomIds()
    const ids = {
      // Keyed: how long it takes to look one up tells nothing to somebody who cannot compute it.
      hashKey: (key: string) =>
        createHmac('sha256', message.placementKey).update('k').update(key).digest('base64url'),
      newId: () => random.next(),
    }
    this.#sessions = new Sessions(
      this.#state,
      this.#turn,
      options,
      this.#server.appPorts(ids),
      this.#stateClock.now,
    )
    this.#rooms = new Rooms(this.#sessions, options, this.#homeOf, {
      cut: (slot) => this.#bus?.cut(slot) ?? this.#state.outbox(slot).end,
    })
    this.#links = createLinkEngine(engine, this.#sessions)
  }

  readonly #places = new RoomPlaces((room) => placeRoom(this.#start.placementKey, room, this.#start.workers))
  readonly #homeOf = (room: string): number => this.#places.of(room)

  #makeTurn(): Turn {
    const { flushMs } = this.#options
    return new Turn(this.#state, {
      journal: { write: (batch) => this.#journal.write(batch), close: () => this.#journal.close() },
      bus: {
        flush: () => this.#bus?.flush(),
        received: (from, count) => this.#bus?.received(from, count),
      },
      defer: (end) => void (flushMs > 0 ? setTimeout(end, flushMs) : setImmediate(end)),
      clock: () => performance.now(),
      later: (commit, ms) => void setTimeout(commit, ms),
      overflowed: (session) =>
        this.#sessions.end(
          session,
          'outbox_overflow',
          'the client did not take its messages in time',
          'gone',
        ),
      parted: (link) => this.#sessions.parted(link),
      polled: (session) => this.#sessions.polled(session),
      owed: (session) => this.#sessions.owed(session),
      regulate: (session) => this.#sessions.regulate(session),
      lost: (error) => {
        this.#log.fatal({ err: error }, 'a turn could not be written: the process ends with it')
        process.exit(1)
      },
      broke: (session, error) => {
        this.#log.error({ err: error, session: session.id }, 'a session could not be flushed')
        session.link?.terminate()
      },
    })
  }

  async open(parts: WorkerParts): Promise<void> {
    const { app } = this.#start
    await (app === null ? parts.builtIn(this.#server, this.#options) : loadApp(app, this.#server))
    this.#raw.settle()
    if (this.#start.waits) {
      const come = turnCome()
      tell({ type: 'loaded' })
      await come
    }
    const { journal, epoch, damaged } = await this.#openJournal()
    this.#journal = journal
    const bus = await this.#openMesh(epoch)
    this.#bus = bus
    this.#server.bind({ sessions: this.#sessions, rooms: this.#rooms, bus, homeOf: this.#homeOf })
    this.#server.ready = true
    this.#sessions.recover()
    if (damaged) for (const peer of this.#state.peers.keys()) this.#rooms.peerReset(peer)
    this.#turn.commit()
    this.#edge = this.#makeEdge(parts.pages())
    this.#terminator = this.#makeTerminator(this.#edge)
    await this.#edge.listen()
    this.#clock = setInterval(() => {
      if (!this.#sessions.idle) this.#sessions.tick()
    }, TICK_MS)
  }

  #openJournal(): ReturnType<typeof openSlotJournal> {
    const { journal: directory, fsync, journalFailure } = this.#options
    return openSlotJournal({
      directory,
      slot: this.#start.slot,
      state: this.#state,
      clock: this.#stateClock,
      fsync,
      onFailure: journalFailure,
      log: this.#log,
      changed: (failing) => tell({ type: 'journal', failing }),
    })
  }

  #openMesh(epoch: string): Promise<Bus> {
    const { slot, generation, socketDirectory: directory } = this.#start
    return createMesh({
      slot,
      generation,
      directory,
      epoch,
      streams: this.#state,
      log: this.#log,
      askTimeoutMs: ASK_MS,
      frameBytes: Math.max(BUS_FRAME_BYTES, 2 * this.#options.payloadBytes),
      events: {
        item: (from, number, data, check) => this.#item(from, number, data, check),
        acknowledged: (to, count) => this.#turn.record({ type: 'itemsReceived', to, count }),
        reset: (peer) => this.#rooms.peerReset(peer),
        met: (peer, epoch) => this.#turn.record({ type: 'peerMet', slot: peer, epoch }),
        // The answer may tell of this very turn.
        ask: async (_from, data) => {
          const answer = await this.#server.answer(data)
          await new Promise<void>((resolve) => this.#turn.afterwards(resolve))
          return answer
        },
      },
    })
  }

  #item(from: number, number: number, data: Uint8Array, check: number): void {
    const item = decodeItem(data)
    if (item) return this.#rooms.item(from, number, item, check)
    this.#log.error({ from, number }, 'a peer sent a malformed item')
    this.#turn.record({ type: 'itemTaken', from, number, check })
  }

  #makeEdge(own: PageHandler): ReturnType<typeof createEdge> {
    const { slot, workers, generation, placementKey, socketDirectory } = this.#start
    const raw = this.#raw
    return createEdge({
      ...this.#options,
      // By then the ping that waits behind a body is overdue, and the link lost anyway.
      bodyMs: this.#options.pingIntervalMs + this.#options.pingTimeoutMs,
      silentMs: this.#options.pingIntervalMs + this.#options.pingTimeoutMs,
      slot,
      workers,
      generation,
      placementKey,
      socketDirectory,
      connections: this.#connections,
      links: this.#links,
      raw: {
        opts: raw.opts,
        handleRequest: (req, res) => raw.handleRequest(req as never, res as never),
        handleUpgrade: (req, socket, head) => raw.handleUpgrade(req as never, socket, head),
        hasListeners: () => hasRawListeners(raw),
      },
      pages: (req, res) =>
        answerHealth(this.#generations, req, res) ||
        own(req, res) !== false ||
        (this.#server.pages?.(req, res) ?? false),
      log: this.#log,
    })
  }

  #makeTerminator(edge: ReturnType<typeof createEdge>): Terminator | null {
    const { certificate } = this.#start
    const secured = (socket: Socket, address: string | null): void => edge.adopt(socket, address)
    const setup = { handshakeMs: this.#options.headMs, log: this.#log, secured }
    return certificate && new Terminator({ ...setup, certificate })
  }

  obey(message: Exclude<ToWorker, Start>, handle: unknown): void {
    switch (message.type) {
      case 'connection': {
        const socket = adoptHandle(handle, message.head)
        if (socket && this.#terminator) this.#terminator.accept(socket, message.address)
        else if (socket) this.#edge?.adopt(socket, message.address)
        return
      }
      case 'certificate':
        this.#terminator?.renew(message.certificate)
        return
      case 'fleet':
        this.#generations = message.generations
        this.#bus?.fleet(message.generations)
        // What a journal brought back leaves with the next flush.
        this.#turn.wake()
        this.#edge?.fleet(message.generations)
        return
      case 'recover':
        return
      case 'drain':
      case 'stop':
        void this.#stop(message.type)
    }
  }

  async #stop(why: 'drain' | 'stop'): Promise<void> {
    if (this.#clock) clearInterval(this.#clock)
    // What handlers have done in this turn leaves first; those that still run, run again in the next process.
    this.#sessions.tellHandled()
    this.#sessions.spare()
    this.#turn.commit()
    this.#sessions.shutDown(why)
    this.#raw.close()
    this.#links.close()
    this.#turn.close()
    this.#journal.close()
    await Promise.all([this.#edge?.close(), this.#bus?.close()])
    this.#terminator?.close()
    tell({ type: 'stopped' })
    process.disconnect()
  }
}
