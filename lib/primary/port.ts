/** Why a port cannot be had: rejects with one sentence that stands for itself. */
export async function havingPort<T>(listening: Promise<T>, port: number, host: string): Promise<T> {
  try {
    return await listening
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(
      code === 'EADDRINUSE'
        ? `port ${port} of ${host} is in use`
        : `cannot listen on port ${port} of ${host}: ${message}`,
    )
  }
}
