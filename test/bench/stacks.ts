/** The servers that are compared: how each starts, which processes it has, and its end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { certificate, certificateFiles } from '../support/certificate.ts'
import { childrenOf, isAlive } from '../support/processes.ts'
import { ROOT } from '../support/root.ts'
import { until } from '../support/until.ts'
import type { DialectName } from './dialects.ts'

const SERVERS = join(ROOT, 'test/bench/servers')
const READY_MS = 20_000

export interface Stack {
  readonly dialect: DialectName
  /** Processes beside the first. */
  readonly workers: number
  /** Further options of bin/serve. */
  readonly options?: readonly string[]
  readonly affinity?: boolean
  readonly tls?: boolean
}

// Who comes faster is told to wait, which the others do not do, and the generator does not.
const limpet = (options: readonly string[] = [], workers = 2): Stack => ({
  dialect: 'limpet',
  workers,
  options: ['--workers', String(workers), '--hellos-per-second', '0', ...options],
})

export const STACKS = {
  limpet: limpet(),
  'limpet --no-journal': limpet(['--no-journal']),
  'limpet --flush-ms 20': limpet(['--flush-ms', '20']),
  'limpet, affinity': { ...limpet(), affinity: true },
  'limpet, TLS': { ...limpet(), tls: true },
  'limpet, 1 worker': limpet([], 1),
  'limpet, 4 workers': limpet([], 4),
  'limpet, many rooms': limpet(['--rooms-per-session', '1000']),
  'socket.io': { dialect: 'socket.io', workers: 2 },
  'engine.io': { dialect: 'engine.io', workers: 0 },
  ws: { dialect: 'ws', workers: 0 },
} as const satisfies Record<string, Stack>
export type StackName = keyof typeof STACKS

/** What everything is held against. */
export const RIVAL: StackName = 'socket.io'

/** Arguments of node behind its own. @param directory of this server alone */
function programOf({ dialect, workers, tls, options = [] }: Stack, directory: string): string[] {
  switch (dialect) {
    case 'limpet': {
      const journal = options.includes('--no-journal') ? [] : ['--journal', join(directory, 'journal')]
      const secured = tls ? securedBy(directory) : []
      const all = ['--port', '0', ...options, ...journal, ...secured]
      return [join(ROOT, 'bin/serve'), join(SERVERS, 'limpet.js'), ...all]
    }
    case 'socket.io':
      return [join(SERVERS, 'socketio.js'), String(workers)]
    case 'engine.io':
      return [join(SERVERS, 'engineio.js')]
    case 'ws':
      return [join(SERVERS, 'ws.js')]
  }
}

function securedBy(directory: string): string[] {
  const files = certificateFiles(directory)
  files.write(certificate('bench'))
  return [...files.args]
}

export interface RunningStack {
  readonly port: number
  readonly pids: readonly number[]
  /** Null where none was asked for. */
  readonly probe: string | null
  stop(): Promise<void>
}

/**
 * @param probed slower, for memory and counts
 * @param profiles where each process leaves a CPU profile; null: nowhere
 */
export async function startStack(
  stack: Stack,
  probed: boolean,
  profiles: string | null,
): Promise<RunningStack> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-'))
  // Young space that once grew stays, garbage or not, and is as much as all that is looked for.
  const probe = [
    '--expose-gc',
    '--max-semi-space-size=1',
    '--import',
    pathToFileURL(join(SERVERS, 'probe.js')).href,
  ]
  const batch = pathToFileURL(join(ROOT, 'dist/lib/bus/batch.js')).href
  // It must not outlive the bench, whatever ends that.
  const profile = profiles === null ? [] : ['--cpu-prof', '--cpu-prof-dir', profiles]
  const command = ['--pdeathsig', 'KILL', process.execPath, ...profile, ...(probed ? probe : [])]
  const child = spawn('setpriv', [...command, ...programOf(stack, directory)], {
    cwd: directory,
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      TMPDIR: directory,
      ...(probed && { BENCH_PROBE: directory, ...(stack.dialect === 'limpet' && { BENCH_BATCH: batch }) }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const running = { port: 0, pids: [child.pid!], probe: probed ? directory : null }
  const stop = async (): Promise<void> => {
    if (profiles !== null) await end(running.pids)
    await kill(running.pids)
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    running.port = await listening(child)
    await until(() => childrenOf(child.pid!).length === stack.workers, READY_MS, 'all workers')
    running.pids = [child.pid!, ...childrenOf(child.pid!)]
    return { ...running, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function listening(child: ChildProcess): Promise<number> {
  let [stdout, stderr] = ['', '']
  child.stderr!.on('data', (text) => {
    stderr = (stderr + text).slice(-2000)
  })
  child.stdout!.on('data', (text) => {
    stdout += text
  })
  const line = /listening on (?:port |https?:\/\/127\.0\.0\.1:)(\d+)/
  await Promise.race([until(() => line.test(stdout), READY_MS, 'the first line'), once(child, 'exit')])
  const port = line.exec(stdout)?.[1]
  if (port === undefined) throw new Error(`a server did not start: ${stderr}`)
  return Number(port)
}

/** In order, for what a process writes at its end; one that does not end is killed. */
async function end(pids: readonly number[]): Promise<void> {
  process.kill(pids[0]!, 'SIGTERM')
  await until(() => !pids.some(isAlive), 15_000, 'the orderly end of a server').catch(() => {})
}

/** Nothing of it is looked at any more: what an orderly end takes would be time between two measurements. */
async function kill(pids: readonly number[]): Promise<void> {
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  await until(() => !pids.some(isAlive), 5000, 'the end of a server')
}
