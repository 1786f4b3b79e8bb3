/** How what an object holds is read and written in place, by its class: every move does it a hundred times. */

export interface Codec {
  /** Of each field. */
  readonly names: readonly string[] | null
  /** Whether the object still holds this. */
  readonly holds: (object: object, values: readonly unknown[]) => boolean
  readonly read: (from: object) => readonly unknown[]
  readonly write: (to: object, values: readonly unknown[]) => void
}

/** Fields that never change, and lead far; and those of rooms, other workers and polling, of which there are none. */
const CONSTANT = new Set([
  ...['limits', 'bounds', 'ports', 'journal', 'open_options', 'open_effects', 'open_ports', 'open_app'],
  ...['options', 'effects'],
  ...['rooms', 'homes', 'emptyHomes', 'peers', 'busCursor', 'open_heardFrom', 'open_receipts', 'open_intake'],
])

export function codecOf(object: object): Codec {
  let codec = codecs.get(object.constructor)
  if (!codec) {
    codec = object.constructor === Object ? ofEntries : ofFields(object)
    codecs.set(object.constructor, codec)
  }
  return codec
}

function ofFields(object: object): Codec {
  const names = Object.keys(object).filter((name) => !CONSTANT.has(name))
  const each = (text: (name: string, i: number) => string, between: string): string =>
    names.map(text).join(between)
  return {
    names,
    holds: new Function(
      'o',
      'c',
      `return ${each((name, i) => `o.${name} === c[${i}]`, '&&')}`,
    ) as Codec['holds'],
    read: new Function('o', `return [${each((name) => `o.${name}`, ',')}]`) as Codec['read'],
    write: new Function(
      'o',
      'c',
      each((name, i) => `o.${name} = c[${i}]`, '\n'),
    ) as Codec['write'],
  }
}

const ofEntries: Codec = {
  names: null,
  holds: (object, values) => {
    let i = 0
    for (const name in object)
      if (values[i++] !== name || values[i++] !== (object as Record<string, unknown>)[name]) return false
    return i === values.length
  },
  read: (from) => Object.entries(from).flat(),
  write: (to, values) => {
    for (let i = 0; i < values.length; i += 2) Object.assign(to, { [values[i] as string]: values[i + 1] })
  },
}

const ofArray: Codec = {
  names: null,
  holds: (object, values) => {
    const array = object as unknown[]
    if (array.length !== values.length) return false
    for (let i = 0; i < values.length; i++) if (array[i] !== values[i]) return false
    return true
  },
  read: (from) => (from as unknown[]).slice(),
  write: (to, values) => {
    const array = to as unknown[]
    array.length = values.length
    for (let i = 0; i < values.length; i++) array[i] = values[i]
  },
}

const ofSet: Codec = {
  names: null,
  holds: (object, values) => {
    const set = object as Set<unknown>
    if (set.size !== values.length) return false
    let i = 0
    for (const item of set) if (values[i++] !== item) return false
    return true
  },
  read: (from) => [...(from as Set<unknown>)],
  write: (to, values) => {
    const set = to as Set<unknown>
    set.clear()
    for (const item of values) set.add(item)
  },
}

const ofMap: Codec = {
  names: null,
  holds: (object, values) => {
    const map = object as Map<unknown, unknown>
    if (map.size * 2 !== values.length) return false
    let i = 0
    for (const [key, item] of map) if (values[i++] !== key || values[i++] !== item) return false
    return true
  },
  read: (from) => [...(from as Map<unknown, unknown>)].flat(),
  write: (to, values) => {
    const map = to as Map<unknown, unknown>
    map.clear()
    for (let i = 0; i < values.length; i += 2) map.set(values[i], values[i + 1])
  },
}

const codecs = new Map<unknown, Codec>([
  [Array, ofArray],
  [Set, ofSet],
  [Map, ofMap],
])
