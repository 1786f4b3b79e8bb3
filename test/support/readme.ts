/** The README's own examples, as applications that a test can start. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './root.ts'

/** Where `limpet` and its dependencies are found, and nothing is kept. */
export const EXAMPLES = join(ROOT, 'dist/test/e2e')

/** @param marker in this one example, and no other */
export function exampleOf(marker: string): string {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const blocks = [...text.matchAll(/^( *)```js\n([\s\S]*?)^\1```/gm)].map(([, , code]) => code!)
  const [example, ...others] = blocks.filter((code) => code.includes(marker))
  if (example === undefined || others.length > 0)
    throw new Error(`${others.length + 1} examples have ${marker}`)
  return example
}

/** @returns its name for a Cluster */
export function writeExample(t: { teardown(undo: () => void): unknown }, name: string, code: string): string {
  const file = join(EXAMPLES, `${name}.js`)
  writeFileSync(file, code)
  t.teardown(() => rmSync(file))
  return `../../../dist/test/e2e/${name}`
}
