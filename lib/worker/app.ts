/** Loads an application: an ES module whose default export is called with the server. */
import { pathToFileURL } from 'node:url'
import type { AppServer } from './server.ts'

/** The application cannot be loaded: trying again would not help. */
export class AppError extends Error {}

/**
 * @param path absolute
 * Rejects with AppError, in one line.
 */
export async function loadApp(path: string, server: AppServer): Promise<void> {
  try {
    const module = (await import(pathToFileURL(path).href)) as { default?: unknown }
    if (typeof module.default !== 'function') throw new Error('its default export is not a function')
    await module.default(server)
  } catch (error) {
    const [line] = String(error instanceof Error ? error.message : error).split('\n', 1)
    throw new AppError(`the application cannot be loaded: ${line}`)
  }
}
