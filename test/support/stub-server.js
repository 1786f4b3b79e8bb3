#!/usr/bin/env node
// Behaves like bin/serve, and misbehaves as LIMPET_STUB says: for the test of cluster.ts.
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'

const fault = process.env.LIMPET_STUB
if (fault === 'fails') {
  console.error('no such application')
  process.exitCode = 2
} else {
  // Detached and without our stdio: only its environment says that it belongs to us.
  const child = spawn('sleep', ['60'], { stdio: 'ignore', detached: true })
  if (fault === 'file') writeFileSync(`${tmpdir()}/left.txt`, '')
  const socket = createServer()
  if (fault === 'socket') socket.listen(`${tmpdir()}/left.sock`)
  const server = createServer().listen(0, '127.0.0.1', () => {
    console.log(`limpet listening on http://127.0.0.1:${server.address().port}/`)
    console.error(JSON.stringify({ level: 30, msg: 'ready' }))
    console.error('not a log line')
  })
  process.on('SIGTERM', () => {
    if (fault === 'deaf') return
    if (fault !== 'orphan') child.kill('SIGKILL')
    setTimeout(() => process.exit(fault === 'code' ? 3 : 0), 20)
  })
}
