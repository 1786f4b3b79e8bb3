/**
 * A module loader in which the private fields of lib are plain ones, named `open_…`: the model compares, keeps and
 * restores the whole state of the real machines, and what is added to them tomorrow is in it by itself.
 */
import { readFile } from 'node:fs/promises'
import type { LoadHook } from 'node:module'
import { fileURLToPath } from 'node:url'
import { transform } from 'esbuild'

const LIB = new URL('../../lib/', import.meta.url).href

export const load: LoadHook = async (url, context, next) => {
  if (!url.startsWith(LIB) || !url.endsWith('.ts')) return next(url, context)
  const source = await readFile(fileURLToPath(url), 'utf8')
  const { code } = await transform(source.replace(/(?<=[\s.?(])#(?=[a-z])/gi, 'open_'), {
    loader: 'ts',
    target: 'node20',
    sourcemap: 'inline',
    sourcefile: url,
  })
  return { format: 'module', source: code, shortCircuit: true }
}
