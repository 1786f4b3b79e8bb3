/** The one logger of a process: pino lines on stderr. */
import { type DestinationStream, type Logger, pino } from 'pino'

/**
 * @param level of `--log-level`
 * @param fields stand in every line, such as the slot
 * @param destination stderr by default, written synchronously: the last line before a death is the one that matters
 */
export function createLog(
  level: string,
  fields: Record<string, unknown> = {},
  destination: DestinationStream = pino.destination({ dest: 2, sync: true }),
): Logger {
  return pino({ level, base: { pid: process.pid, ...fields } }, destination)
}
