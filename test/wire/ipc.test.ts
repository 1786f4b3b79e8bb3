import t from 'tap'
import { isToPrimary, isToWorker, type ToPrimary, type ToWorker } from '../../lib/wire/ipc.ts'

const toWorker: ToWorker[] = [
  {
    type: 'start',
    slot: 0,
    workers: 1,
    generation: 1,
    placementKey: new Uint8Array(32),
    socketDirectory: '/tmp/x',
    app: null,
    certificate: null,
    waits: false,
    options: {},
  },
  { type: 'connection', head: new Uint8Array(), address: null },
  { type: 'certificate', certificate: { cert: '', key: '', ticketKeys: new Uint8Array(48) } },
  { type: 'fleet', generations: [1] },
  { type: 'recover' },
  { type: 'drain' },
  { type: 'stop' },
]
const toPrimary: ToPrimary[] = [
  { type: 'up' },
  { type: 'loaded' },
  { type: 'ready' },
  { type: 'failed', reason: 'r', fatal: true },
  { type: 'journal', failing: true },
  { type: 'stopped' },
]

t.test('each side knows what it may be told, and nothing else', async (t) => {
  for (const message of toWorker) {
    t.ok(isToWorker(message), message.type)
    t.notOk(isToPrimary(message), message.type)
  }
  for (const message of toPrimary) {
    t.ok(isToPrimary(message), message.type)
    t.notOk(isToWorker(message), message.type)
  }
})

t.test('what others put on the channel is no message', async (t) => {
  // node:cluster, pm2 and tsx all talk on it.
  const others = [
    undefined,
    null,
    'start',
    4,
    [],
    {},
    { type: 'axm:monitor' },
    { type: 7 },
    { type: ['stop'] },
    { type: 'toString' },
    { cmd: 'NODE_HANDLE' },
  ]
  for (const message of others) {
    t.notOk(isToWorker(message), JSON.stringify(message))
    t.notOk(isToPrimary(message), JSON.stringify(message))
  }
})
