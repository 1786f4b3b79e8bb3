/** Waiting for a condition that tells nobody when it comes true: files, processes, another program's state. */

/**
 * Resolves when `holds` returns true, looking every 10 ms; rejects after `limitMs`.
 * @param what named in the rejection
 */
export async function until(
  holds: () => boolean | Promise<boolean>,
  limitMs = 5000,
  what = 'condition',
): Promise<void> {
  const deadline = Date.now() + limitMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms`)
    await pause(10)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Rejects when `promise` is not settled after `limitMs`; leaves no timer behind. */
export async function within<T>(promise: Promise<T>, limitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${limitMs} ms`)), limitMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
