import t from 'tap'
import { createLog } from '../lib/log.ts'

t.test('lines carry level, process and fields; the level filters', async (t) => {
  const lines: string[] = []
  const log = createLog('warn', { slot: 3 }, { write: (line) => void lines.push(line) })
  log.info('not this')
  log.warn({ room: 'r' }, 'this')
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0] as string), { level: 40, pid: process.pid, slot: 3, room: 'r', msg: 'this' })
})
