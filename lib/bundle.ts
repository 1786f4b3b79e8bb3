/**
 * Builds what browsers load of the client, from its TypeScript: `client.js`, a script with the global `limpet`, and
 * `client.mjs`, a module. Run behind `tsc`; wants esbuild, so nothing of a running server imports this.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build, type Plugin } from 'esbuild'

/** The codes whose sentences a client says itself. Those of others come with what a server says. */
const OWN_CODES = new Set([
  ...[
    'arguments_invalid',
    'closed_by_client',
    'handler_failed',
    'name_invalid',
    'no_handler',
    'not_delivered',
  ],
  ...['outbox_full', 'payload_too_large', 'session_closed', 'timeout', 'unknown'],
])

/** A third of the table, where every browser pays for it. */
const sentences: Plugin = {
  name: 'sentences',
  setup({ onLoad }) {
    onLoad({ filter: /wire\/codes\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8')
      const entry = /(\w+): \{\s*number: (\d+),[^}]*\}/g
      const contents = source.replace(entry, (all, name: string, number: string) =>
        OWN_CODES.has(name) ? all : `${name}: { number: ${number} }`,
      )
      return { contents, loader: 'ts' }
    })
  },
}

/**
 * Properties that get short names: those that only the client's own modules know of each other. None may be a name of the wire,
 * of the public API, of a snapshot, or of anything that JavaScript or the browser has and the client uses.
 */
export const SHORTENED = [
  ...[
    'abandon',
    'acknowledge',
    'acknowledgeNow',
    'acknowledged',
    'acknowledger',
    'adopt',
    'afterMs',
    'agrees',
  ],
  ...[
    'ahead',
    'answer',
    'answered',
    'append',
    'args',
    'ask',
    'authReady',
    'away',
    'back',
    'begin',
    'beginAgain',
  ],
  ...['bytes', 'cancel', 'cancelDeadline', 'candidate', 'checkAt', 'closeLink', 'comeBack', 'connector'],
  ...['conversation', 'count', 'crc', 'cut', 'deliver', 'drainAfter', 'drained', 'drop', 'dueAt', 'effects'],
  ...[
    'emitted',
    'emittedBytes',
    'end',
    'endingOf',
    'everWelcomed',
    'fenced',
    'forget',
    'frame',
    'go',
    'heardAt',
  ],
  ...['helloUnderWay', 'inbox', 'introduce', 'isAway', 'isClosed', 'isVisible', 'isWaiting', 'kind'],
  ...[
    'largestAbove',
    'last',
    'leave',
    'leaveLinks',
    'linkClosed',
    'linkFrame',
    'linkOpened',
    'listener',
    'live',
  ],
  ...['look', 'lose', 'lost', 'moved', 'needAuth', 'newKey', 'newToken', 'notBefore', 'openLink', 'opened'],
  ...['order', 'ordered', 'ordinal', 'own', 'ownEnding', 'packet', 'question', 'questions', 'receiver'],
  ...[
    'renounce',
    'renumber',
    'replay',
    'replayBegins',
    'report',
    'rest',
    'restored',
    'restoredEnd',
    'result',
  ],
  ...[
    'retryAfter',
    'sender',
    'setTimer',
    'settle',
    'settleAll',
    'settledUpTo',
    'silenceMs',
    'snapshot',
    'take',
  ],
  ...['takeBack', 'tell', 'told', 'took', 'unsentBytes', 'unwrittenBytes', 'wake', 'wantsAnswer'],
  ...[
    'withoutRestored',
    'writable',
    'written',
    'error',
    'event',
    'gone',
    'hello',
    'welcome',
    'input',
    'options',
  ],
  ...['page', 'path', 'remove', 'reset', 'target', 'failed', 'phase', 'closed', 'flush', 'type', 'value'],
  ...['changed', 'emitVolatile', 'holdsBack', 'need', 'plan', 'polling', 'to'],
]

export const SHARED: BuildOptions = {
  bundle: true,
  platform: 'browser',
  target: 'es2022',
  minify: true,
  sourcemap: true,
  // What only Node needs is dropped.
  define: { process: 'undefined' },
  mangleProps: new RegExp(`^(?:${SHORTENED.join('|')})$`),
  plugins: [sentences],
  logLevel: 'warning',
}

/** Relative to `dist/lib`. */
const SOURCE = new URL('../../lib/client/', import.meta.url)
const TARGET = new URL('chat/public/', import.meta.url)

async function bundle(): Promise<void> {
  const file = (name: string, folder: URL): string => fileURLToPath(new URL(name, folder))
  const [module, script] = ['index.ts', 'script.ts'].map((name) => [file(name, SOURCE)])
  await build({ ...SHARED, entryPoints: module!, outfile: file('client.mjs', TARGET), format: 'esm' })
  await build({ ...SHARED, entryPoints: script!, outfile: file('client.js', TARGET), format: 'iife' })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle()
