/** The application for stacks without rooms: `j<room>`, `s<room>|<payload>`, `q<payload>`; the first letter tells. */

/**
 * @param {(text: string) => (member: unknown) => void} sender makes what sends a text to each member of a room
 */
export function createRooms(sender) {
  const rooms = new Map()
  return {
    /** @param {Set<string>} joined rooms of this member */
    take(member, joined, text, answer) {
      const body = text.slice(1)
      if (text[0] === 's') {
        const bar = body.indexOf('|')
        const send = sender(`s${body.slice(bar + 1)}`)
        for (const other of rooms.get(body.slice(0, bar)) ?? []) send(other)
      } else if (text[0] === 'q') answer(`a${body}`)
      else if (text[0] === 'j') {
        joined.add(body)
        if (!rooms.has(body)) rooms.set(body, new Set())
        rooms.get(body).add(member)
        answer('j')
      }
    },
    leave(member, joined) {
      for (const room of joined) {
        rooms.get(room).delete(member)
        if (rooms.get(room).size === 0) rooms.delete(room)
      }
    },
  }
}
