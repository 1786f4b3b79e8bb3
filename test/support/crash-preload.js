/**
 * Loaded into every process of a server (`node --import`): kills its process at a named point of the code, once for
 * each file of that name in the directory CRASH_POINTS. The file holds the number of the passage that is the last one.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { join } from 'node:path'
import { JournalFile } from '../../dist/lib/worker/journal-file.js'
import { StateClock } from '../../dist/lib/worker/state-clock.js'
import { Turn } from '../../dist/lib/worker/turn.js'

const directory = process.env.CRASH_POINTS
const { existsSync, readFileSync, renameSync, writeSync, readSync, rmSync } = fs
const passages = new Map()

function pass(point) {
  const armed = join(directory, point)
  if (!existsSync(armed)) return passages.delete(point)
  const n = (passages.get(point) ?? 0) + 1
  passages.set(point, n)
  try {
    if (n < Number(readFileSync(armed, 'utf8'))) return
    // Of several processes that pass it one dies.
    renameSync(armed, `${armed}.fired`)
  } catch {
    return
  }
  process.kill(process.pid, 'SIGKILL')
}

/** Replaces a method; `around` gets the original one, bound. */
function patch(prototype, name, around) {
  const original = prototype[name]
  prototype[name] = function (...args) {
    return around.call(this, (...given) => original.apply(this, given.length > 0 ? given : args), args)
  }
}

const dealing = process.argv[1]?.endsWith('deal.js') ?? false
let written = 0
let checkpointing = false

patch(JournalFile.prototype, 'write', function (original, [batch]) {
  const has = (type) => batch.some((record) => record.type === type)
  pass('before-write')
  if (has('itemTaken') && has('ordered')) pass('home-took-publish')
  if (has('delivered')) pass('member-took-message')
  original()
  pass('after-write')
  if (has('published')) pass('publish-written')
  if (has('ordered')) pass('home-wrote-order')
  // A checkpoint is due after some MiB: here it comes when it is asked for.
  if (fs.readdirSync(directory).some((name) => /^checkpoint-[a-z-]+$/.test(name))) this.checkpoint()
})

patch(Turn.prototype, 'record', (original, [record]) => {
  original()
  if (record.type === 'handled' && record.number > 0) pass('handler-done')
})

let inFlush = false
patch(Turn.prototype, 'flush', (original) => {
  written = 0
  inFlush = true
  original()
  inFlush = false
  if (written > 0) pass('after-flush')
})

patch(net.Socket.prototype, '_writeGeneric', (original) => {
  original()
  written += 1
  if (inFlush && written === 1) pass('mid-flush')
})

patch(JournalFile.prototype, 'checkpoint', (original) => {
  checkpointing = !dealing
  const error = original()
  checkpointing = false
  return error
})

patch(JournalFile.prototype, 'resume', (original) => {
  pass('recovery-before-resume')
  original()
  pass('recovery-after-resume')
})

patch(StateClock.prototype, 'goOn', (original) => {
  original()
  pass(dealing ? 'deal-read' : 'recovery-replayed')
})

let parts = 0
fs.writeSync = (...args) => {
  const done = writeSync(...args)
  // Magic, about, parts.
  parts = checkpointing ? parts + 1 : 0
  if (parts === 3) pass('checkpoint-middle')
  return done
}
fs.readSync = (...args) => {
  if (!dealing) pass('recovery-read')
  return readSync(...args)
}
fs.renameSync = (from, to) => {
  const name = dealing
    ? 'deal-slot'
    : checkpointing
      ? 'checkpoint'
      : to.endsWith('CURRENT')
        ? 'deal-current'
        : null
  if (name) pass(`${name}-before-rename`)
  renameSync(from, to)
  if (name) pass(`${name}-after-rename`)
}
fs.rmSync = (path, options) => {
  if (/generation-\d+$/.test(path)) pass('deal-old-removal')
  rmSync(path, options)
}
syncBuiltinESMExports()
