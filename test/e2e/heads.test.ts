/** Whatever way a request's bytes arrive, and whatever connection they share, each request reaches the owner of its segment. */
import t from 'tap'
import { slotOfSid } from '../../lib/placement.ts'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { type RawConnection, rawConnect, request, upgradeRequest } from '../support/raw.ts'
import { seeded } from '../support/seed.ts'

const WORKERS = 4
const GAP_MS = 20
const polling = (segment: string, sid = ''): string =>
  `/api/${segment}/?EIO=4&transport=polling${sid && `&sid=${sid}`}`
const websocket = (segment: string): string => `/api/${segment}/?EIO=4&transport=websocket`

/** The slot in engine.io's open packet. */
function slotIn(packet: string): number | null {
  return slotOfSid((JSON.parse(packet.slice(1)) as { sid: string }).sid)
}

/** Reads the open packet behind a 101, says hello to the raw application, and returns what owner and answer say. */
async function upgraded(connection: RawConnection): Promise<{ slot: number | null; answer: string }> {
  const { status } = await connection.response()
  if (status !== 101) throw new Error(`upgrade answered with ${status}`)
  const slot = slotIn(String((await connection.frame()).payload))
  connection.sendFrame('4hello')
  return { slot, answer: String((await connection.frame()).payload) }
}

interface Rig {
  readonly cluster: Cluster
  /** Pids by slot. */
  readonly pids: string[]
}

async function rig(t: Parameters<typeof startCluster>[0]): Promise<Rig> {
  const cluster = await startCluster(t, { app: 'field', workers: WORKERS })
  const pids: string[] = []
  for (let slot = 0; slot < WORKERS; slot++) {
    const connection = await rawConnect(cluster.port)
    connection.write(upgradeRequest(websocket(cluster.segmentOn(slot))))
    const { answer } = await upgraded(connection)
    pids.push(answer.slice(1, answer.indexOf(' ')))
    connection.destroy()
  }
  return { cluster, pids }
}

t.test('four workers', async (t) => {
  const { cluster, pids } = await rig(t)

  await t.test('heads split at every byte, and into single bytes', async (t) => {
    const random = seeded(t)
    t.equal(new Set(pids).size, WORKERS, 'each slot is a process of its own')

    /** One connection per way to split; all at once, since each waits between its pieces. */
    const send = async (text: string): Promise<RawConnection[]> => {
      const splits = Array.from({ length: text.length - 1 }, (_, i) => [
        text.slice(0, i + 1),
        text.slice(i + 1),
      ])
      splits.push([...text])
      const connections = await Promise.all(splits.map(() => rawConnect(cluster.port)))
      await Promise.all(
        connections.map((c, i) => c.writePieces(splits[i]!, splits[i]!.length > 2 ? 1 : GAP_MS)),
      )
      return connections
    }

    const slots = [random.int(0, WORKERS - 1), random.int(0, WORKERS - 1)]
    const polls = await send(request(polling(cluster.segmentOn(slots[0]!))))
    const opened = await Promise.all(polls.map((c) => c.response()))
    t.ok(
      opened.every(({ status, body }) => status === 200 && slotIn(String(body)) === slots[0]),
      `${polls.length} polling handshakes`,
    )

    const upgrades = await send(upgradeRequest(websocket(cluster.segmentOn(slots[1]!))))
    const said = await Promise.all(upgrades.map(upgraded))
    t.ok(
      said.every(({ slot, answer }) => slot === slots[1] && answer === `4${pids[slots[1]!]} hello`),
      `${upgrades.length} upgrades`,
    )
    for (const connection of [...polls, ...upgrades]) connection.destroy()
  })

  await t.test('1,000 requests with alternating segments on one keep-alive connection', async (t) => {
    const random = seeded(t)
    const connection = await rawConnect(cluster.port)
    const ask = async (text: string): Promise<{ status: number; body: string }> => {
      connection.write(text)
      const { status, body } = await connection.response()
      return { status, body: String(body) }
    }

    const sessions = []
    for (let slot = 0; slot < WORKERS; slot++) {
      const segment = cluster.segmentOn(slot)
      const { body } = await ask(request(polling(segment)))
      sessions.push({ slot, segment, sid: (JSON.parse(body.slice(1)) as { sid: string }).sid })
      t.equal(slotIn(body), slot)
    }
    let misdelivered = 0
    for (let i = 0; i < 500; i++) {
      const { slot, segment, sid } = sessions[i % 2 === 0 ? (i / 2) % WORKERS : random.int(0, WORKERS - 1)]!
      const post = await ask(request(polling(segment, sid), { method: 'POST', body: `4m${i}` }))
      const get = await ask(request(polling(segment, sid)))
      if (post.status !== 200 || get.body !== `4${pids[slot]} m${i}`) misdelivered += 1
    }
    t.equal(misdelivered, 0, 'misdelivered')
    t.equal(connection.ended, 'no', 'not closed by the server')

    // Pages too: any worker may answer these, and none of them closes the connection.
    t.match((await ask(request('/anything'))).body, /^\d+$/)
    t.equal((await ask(request('/api/not!a!segment/?EIO=4'))).status, 400)
    t.equal(connection.ended, 'no')
    connection.destroy()
  })

  await t.test('pipelined requests for different workers are answered in order', async (t) => {
    const connection = await rawConnect(cluster.port)
    const slots = Array.from({ length: 20 }, (_, i) => i % WORKERS)
    connection.write(slots.map((slot) => request(polling(cluster.segmentOn(slot)))).join(''))
    const answered: (number | null)[] = []
    for (const _ of slots) answered.push(slotIn(String((await connection.response()).body)))
    t.same(answered, slots)
    connection.destroy()
  })

  await t.test('a kept-alive connection may upgrade for another segment', async (t) => {
    for (let from = 0; from < WORKERS; from++) {
      for (let to = 0; to < WORKERS; to++) {
        const connection = await rawConnect(cluster.port)
        connection.write(request(polling(cluster.segmentOn(from))))
        t.equal(slotIn(String((await connection.response()).body)), from)
        connection.write(upgradeRequest(websocket(cluster.segmentOn(to))))
        t.same(await upgraded(connection), { slot: to, answer: `4${pids[to]} hello` }, `${from} → ${to}`)
        connection.destroy()
      }
    }
  })

  await t.test('without a segment: a worker in turn, afterwards the one inside the sid', async (t) => {
    const seen = new Set<number | null>()
    for (let i = 0; i < 2 * WORKERS; i++) {
      const connection = await rawConnect(cluster.port)
      connection.write(request('/api/?EIO=4&transport=polling'))
      const open = String((await connection.response()).body)
      connection.destroy()
      const slot = slotIn(open)
      seen.add(slot)
      const { sid } = JSON.parse(open.slice(1)) as { sid: string }
      for (const [method, body, expected] of [
        ['POST', '4x', 'ok'],
        ['GET', '', `4${pids[slot!]} x`],
      ] as const) {
        const next = await rawConnect(cluster.port)
        next.write(request(`/api/?EIO=4&transport=polling&sid=${sid}`, { method, body }))
        t.equal(String((await next.response()).body), expected)
        next.destroy()
      }
    }
    t.equal(seen.size, WORKERS, 'all workers had their turn')
  })
  t.same(cluster.complaints(), [])
})

nothingLeft(t)
