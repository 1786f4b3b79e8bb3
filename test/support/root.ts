/** Where the project is: tests run compiled, from dist/test, and programs like the simulation as they stand. */
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '../..' : '../../..')
