/** Every option of `bin/serve`, declared once: name, unit, default, check, help. */
import { availableParallelism } from 'node:os'
import { isProxyList } from './proxies.ts'

export interface WholeNumber {
  readonly name: string
  /** Also the last part of the name, so that nobody has to guess; null counts things. */
  readonly unit: 'ms' | 'bytes' | null
  readonly default: number
  readonly min: number
  readonly max: number
  readonly help: string
}

export interface Text {
  readonly name: string
  readonly default: string
  /** What the value must be, in words. */
  readonly form: string
  readonly pattern: { test(text: string): boolean }
  readonly help: string
}

// setTimeout fires at once past this.
const MS_MAX = 2 ** 31 - 1
const BYTES_MAX = Number.MAX_SAFE_INTEGER

function ms<N extends string>(name: N, value: number, help: string, min = 1) {
  return { name, unit: 'ms', default: value, min, max: MS_MAX, help } as const
}

function bytes<N extends string>(name: N, value: number, help: string, min: number, max = BYTES_MAX) {
  return { name, unit: 'bytes', default: value, min, max, help } as const
}

function count<N extends string>(name: N, value: number, help: string, min: number, max: number) {
  return { name, unit: null, default: value, min, max, help } as const
}

export const OPTION_TABLE = [
  count('port', 8080, 'port to listen on; 0 takes any free one', 0, 65535),
  {
    name: 'host',
    default: '127.0.0.1',
    form: 'a host name or address',
    pattern: /^[^\s/]+$/,
    help: 'address to listen on',
  },
  count('admin-port', 0, 'port of 127.0.0.1 where /health has details; 0: none', 0, 65535),
  {
    name: 'path',
    default: '/api/',
    form: 'a path that begins and ends with /, like /api/',
    pattern: /^\/([A-Za-z0-9_~.-]+\/)+$/,
    help: 'what comes before the segment in a URL',
  },
  {
    name: 'origin',
    default: 'same',
    form: 'same, *, null or origins like https://app.example, separated by commas',
    pattern:
      /^(same|\*|null|[a-z][a-z0-9+.-]*:\/\/[^\s/,]*)(,(same|\*|null|[a-z][a-z0-9+.-]*:\/\/[^\s/,]*))*$/i,
    help: 'whose pages may connect: same host, origins, * for all',
  },
  {
    name: 'trust-proxy',
    default: 'none',
    form: 'none, or loopback, addresses and networks like 10.0.0.0/8, separated by commas',
    pattern: { test: isProxyList },
    help: 'whose X-Forwarded-For and PROXY headers are believed',
  },
  count('workers', availableParallelism(), 'worker processes, one per core by default', 1, 1024),
  ms('grace-ms', 120_000, 'how long a session without a link waits for its client', 0),
  bytes('outbox-bytes', 1_048_576, 'what may wait for one session before it is closed', 1024),
  bytes('payload-bytes', 4_194_304, 'the largest message taken or sent', 1024, 268_435_456),
  bytes(
    'taken-bytes',
    4_194_304,
    'per session, what is taken before reading stops until it is handled',
    1024,
  ),
  bytes('bus-bytes', 67_108_864, 'what may wait for one other worker', 65_536),
  bytes('head-bytes', 16_384, 'the largest head of an HTTP request', 256, 1_048_576),
  ms('head-ms', 5000, 'how long the head of an HTTP request may take'),
  ms('keep-alive-ms', 5000, 'how long a connection may be idle between requests'),
  ms('hello-ms', 5000, 'how long a new link may take to say hello'),
  ms('use-ms', 10_000, 'how long server.use may take; 0 sets no limit', 0),
  ms('shutdown-ms', 5000, 'how long an orderly stop may take'),
  count('connections-per-address', 0, 'of one address, per worker; 0 sets no limit', 0, 1_000_000),
  count('handshakes-per-address', 0, 'per second and worker; 0 sets no limit', 0, 1_000_000),
  count('hellos-per-second', 1000, 'per worker, the others get a moment; 0 sets no limit', 0, 1_000_000),
  count('hellos-per-address', 0, 'of new sessions, per second and worker; 0 sets no limit', 0, 1_000_000),
  count(
    'messages-per-second',
    0,
    'of one session, before it is read more slowly; 0 sets no limit',
    0,
    1_000_000,
  ),
  count('bytes-per-second', 0, 'the same in bytes', 0, BYTES_MAX),
  ms('ping-interval-ms', 25_000, 'how often a link is probed'),
  ms('ping-timeout-ms', 20_000, 'how long a probed link may stay silent'),
  // No deadline by default: a handler may rightly wait for a person, and knowing whose effect one is costs each message.
  ms('handler-ms', 0, 'how long a handler may take before it is given up; 0 sets no limit', 0),
  ms('flush-ms', 0, 'waits this long before sending, to send more at once', 0),
  count(
    'suspended-sessions',
    100_000,
    'without a link, per worker; past it the longest waiting ends',
    1,
    10_000_000,
  ),
  count('suspended-per-address', 0, 'of them of one address; 0 sets no limit', 0, 1_000_000),
  count('rooms-per-session', 100, 'rooms that one session may be in', 1, 1_000_000),
  count('history', 100, 'messages of a room that its home keeps', 0, 100_000),
  bytes('history-bytes', 1_048_576, 'bytes of them; the last message is kept whatever its size', 0),
  ms('history-age-ms', 0, 'how old they may be; 0 sets no limit', 0),
  count('empty-rooms', 1000, 'rooms without members that their home remembers, per worker', 1, 1_000_000),
  bytes('empty-rooms-bytes', 67_108_864, 'bytes of their histories', 0),
  bytes('public-bytes', 1024, "what the others of a room may see of a session's data", 2, 4096),
  count('handovers-waiting', 10_000, 'connections that may wait for one worker', 1, 1_000_000),
  ms('handover-ms', 10_000, 'how long a connection waits for a worker that is busy'),
  ms('park-ms', 5000, 'how long a connection waits for a worker on its way back, 0: not at all', 0),
  {
    name: 'journal',
    default: '.limpet',
    form: 'a directory',
    pattern: /^[^\0]+$/,
    help: 'directory that survives the server (--no-journal: none)',
  },
  {
    name: 'journal-failure',
    default: 'memory',
    form: 'memory or stop',
    pattern: /^(memory|stop)$/,
    help: 'a journal that cannot be written: go on in memory, or stop the worker',
  },
  {
    name: 'tls-cert',
    default: '',
    form: 'a file',
    pattern: /^[^\0]+$/,
    help: 'certificate chain, PEM: the port speaks TLS alone; needs --tls-key',
  },
  { name: 'tls-key', default: '', form: 'a file', pattern: /^[^\0]+$/, help: 'its private key, PEM' },
  { name: 'bus', default: 'local', form: 'local', pattern: /^local$/, help: 'what carries room messages' },
  {
    name: 'log-level',
    default: 'info',
    form: 'one of trace, debug, info, warn, error, fatal, silent',
    pattern: /^(trace|debug|info|warn|error|fatal|silent)$/,
    help: 'what is logged on stderr',
  },
] as const satisfies readonly (WholeNumber | Text)[]
