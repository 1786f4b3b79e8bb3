/** Members of a room that stop reading while another one talks, until the server gives them up. */
import type { Cluster } from '../support/cluster.ts'
import { openMember } from '../support/light-member.ts'
import { pause } from '../support/until.ts'

const TEXT = 'x'.repeat(100_000)
/** Until the server has given them up. */
const PATIENCE_MS = 60_000

/**
 * Resolves when nobody of them is a member any more.
 * @param slot whose worker is not killed meanwhile
 */
export async function stopReading(cluster: Cluster, slot: number, readers: number): Promise<void> {
  const room = cluster.roomOn(slot)
  const open = () => openMember(cluster.port, cluster.segmentOn(slot))
  const [speaker, ...others] = await Promise.all(Array.from({ length: readers + 1 }, open))
  try {
    for (const member of [speaker!, ...others]) await member.ask('enter', room, 'mark')
    for (const { socket } of others) socket.pause()
    const end = performance.now() + PATIENCE_MS
    while (((await speaker!.ask('members', room)) as string[]).length > 1) {
      if (performance.now() > end) throw new Error('who does not read is a member still')
      speaker!.emit('say', room, TEXT)
      await pause(20)
    }
  } finally {
    for (const { socket } of [speaker!, ...others]) socket.destroy()
  }
}
