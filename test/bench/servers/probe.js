/**
 * Loaded ahead of a server where memory is measured or bus items are counted, never where time is. At SIGUSR2 it collects
 * garbage, then writes what it counted to `<BENCH_PROBE>/<pid>`, which also says that the garbage is gone.
 */
import cluster from 'node:cluster'
import { renameSync, writeFileSync } from 'node:fs'

/** Messages between workers: items of limpet's bus, messages of Socket.IO's adapter, each hop for itself. */
let items = 0

if (process.env.BENCH_BATCH) {
  const { Batch } = await import(process.env.BENCH_BATCH)
  const { item } = Batch.prototype
  Batch.prototype.item = function (...args) {
    items++
    return item.apply(this, args)
  }
}
const isAdapters = (message) => message?.source === '_sio_adapter' && message.type === 3
if (cluster.isPrimary) {
  const { send } = cluster.Worker.prototype
  cluster.Worker.prototype.send = function (...args) {
    if (isAdapters(args[0])) items++
    return send.apply(this, args)
  }
} else {
  const { send } = process
  process.send = (...args) => {
    if (isAdapters(args[0])) items++
    return send.apply(process, args)
  }
}

/** Of one collection after the other the heap gives back more: it shrinks only while little is allocated. */
const ROUNDS = 5
const BETWEEN_MS = 150

function collect(round) {
  globalThis.gc()
  if (round < ROUNDS) {
    setTimeout(collect, BETWEEN_MS, round + 1)
    return
  }
  const file = `${process.env.BENCH_PROBE}/${process.pid}`
  writeFileSync(`${file}.new`, String(items))
  renameSync(`${file}.new`, file)
}
process.on('SIGUSR2', () => collect(1))
