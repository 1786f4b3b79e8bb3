/**
 * A module loader in which the private fields of lib are plain ones, named `open_…`, and a worker's promises plain
 * objects: the model compares, keeps and restores the whole state of the real machines, and what is added to them
 * tomorrow is in it by itself.
 */
import { readFile } from 'node:fs/promises'
import type { LoadHook } from 'node:module'
import { fileURLToPath } from 'node:url'
import { transform } from 'esbuild'

const LIB = new URL('../../lib/', import.meta.url).href
const PROMISE = import.meta.url.replace('model-open', 'model-promise')

export const load: LoadHook = async (url, context, next) => {
  if (!url.startsWith(LIB) || !/\.[jt]s$/.test(url)) return next(url, context)
  const source = await readFile(fileURLToPath(url), 'utf8')
  const opened = source.replace(/(?<=[\s.?(])#(?=[a-z])/gi, 'open_')
  const promises = url.startsWith(`${LIB}worker/`)
    ? `import { ModelPromise as Promise } from '${PROMISE}';`
    : ''
  const { code } = await transform(promises + opened, {
    loader: 'ts',
    target: 'node20',
    sourcemap: 'inline',
    sourcefile: url,
  })
  return { format: 'module', source: code, shortCircuit: true }
}
