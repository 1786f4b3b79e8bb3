/** A real nginx or HAProxy before one or more servers: started without privileges, all its files in a directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { steadyPort } from './cluster.ts'
import { until } from './until.ts'

export type ProxyName = 'nginx' | 'haproxy'

export interface ProxyOptions {
  /** Of the servers behind it, on 127.0.0.1. */
  readonly ports: readonly number[]
  /** One segment, one server; else in turn. */
  readonly hash: boolean
}

/** Few connections to each server are kept, so that they carry anybody's requests. */
const KEPT = 4

/** Null where the program is missing. */
export function programOf(name: ProxyName): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function nginxOf(directory: string, port: number, { ports, hash }: ProxyOptions): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${directory}/${name};`,
  )
  return `
daemon off;
master_process off;
pid ${directory}/pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary.join('\n  ')}
  map $uri $segment { ~^/api/(?<name>[^/]+) $name; }
  map $http_upgrade $connection_header { default upgrade; '' ''; }
  upstream servers {
    ${hash ? 'hash $segment consistent;' : ''}
    ${ports.map((each) => `server 127.0.0.1:${each};`).join('\n    ')}
    keepalive ${KEPT};
    keepalive_timeout 4s;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://servers;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_header;
      proxy_buffering off;
    }
  }
}
`
}

function haproxyOf(_directory: string, port: number, { ports, hash }: ProxyOptions): string {
  return `
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
frontend public
  bind 127.0.0.1:${port}
  default_backend servers
backend servers
  ${hash ? 'balance hash path,field(3,/)\n  hash-type consistent' : 'balance roundrobin'}
  http-reuse always
${ports.map((each, i) => `  server s${i} 127.0.0.1:${each} pool-max-conn ${KEPT} pool-purge-delay 4s`).join('\n')}
`
}

export class ReverseProxy {
  readonly port: number
  readonly #child: ChildProcess
  readonly #directory: string
  #said = ''

  constructor(name: ProxyName, program: string, port: number, options: ProxyOptions) {
    this.port = port
    this.#directory = mkdtempSync(join(tmpdir(), `limpet-${name}-`))
    const file = join(this.#directory, 'configuration')
    writeFileSync(file, (name === 'nginx' ? nginxOf : haproxyOf)(this.#directory, port, options))
    const args = name === 'nginx' ? ['-p', this.#directory, '-c', file] : ['-db', '-f', file]
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream!.setEncoding('utf8').on('data', (text: string) => {
        this.#said += text
      })
  }

  async ready(): Promise<void> {
    const listens = async (): Promise<boolean> => {
      if (this.#child.exitCode !== null)
        throw new Error(`it ended with ${this.#child.exitCode}: ${this.#said}`)
      const socket = connect(this.port, '127.0.0.1')
      const open = await once(socket, 'connect').then(
        () => true,
        () => false,
      )
      socket.destroy()
      return open
    }
    await until(listens, 5000, 'the proxy')
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL')
      await once(this.#child, 'close')
    }
    rmSync(this.#directory, { recursive: true })
  }
}

export async function startReverseProxy(
  t: { teardown(stop: () => Promise<void>): unknown },
  name: ProxyName,
  options: ProxyOptions,
): Promise<ReverseProxy> {
  const proxy = new ReverseProxy(name, programOf(name)!, await steadyPort(), options)
  t.teardown(() => proxy.stop())
  await proxy.ready()
  return proxy
}
