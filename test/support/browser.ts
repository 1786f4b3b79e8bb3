import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

export type Launched = { readonly browser: Browser } | { readonly browser: null; readonly reason: string }

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** A closed network: nothing is fetched, synced or updated in the background. */
export const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]

export function findChromium(): string | null {
  const given = process.env.CHROMIUM
  return (given === undefined ? PLACES : [given]).find((place) => existsSync(place)) ?? null
}

/**
 * Headless Chromium of the system (`CHROMIUM` names another one), or the reason why there is none.
 * The caller closes it: `t.teardown(() => browser.close())`.
 */
export async function launchBrowser(): Promise<Launched> {
  const executablePath = findChromium()
  if (executablePath === null)
    return { browser: null, reason: 'no chromium here: apt-get install --no-install-recommends chromium' }
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    // Without this no page ever comes back from the back/forward cache.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
    args: QUIET,
  })
  return { browser }
}
