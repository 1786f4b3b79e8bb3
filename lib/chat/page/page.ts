/** The chat's page: its forms and buttons, and what it keeps in the browser. */
import type { Settings } from '../events.ts'
import { Chat, type PageSettings } from './chat.ts'
import { measured } from './file-view.ts'
import { Panels } from './panels.ts'
import { onSubmit, part } from './parts.ts'
import { Rooms } from './rooms.ts'
import { Uploads } from './uploads.ts'
import { codeOf, reasonOf, roomIn } from './words.ts'

const PLACEHOLDER_ROOM_MAX = 20
const NAME_KEY = 'limpet-name'

const storage = storageOrNull()
const settings = settingsIn(document.documentElement.dataset)
const rooms = new Rooms(storage, roomIn(location.hash))

// A closed or reloaded page leaves its rooms now, not after its grace. Added before the client adds its own listener,
// which drops the link: a window's events reach its listeners in the order they were added, capturing or not.
addEventListener('pagehide', ({ persisted }) => {
  rooms.save()
  if (!persisted) chat.client.close()
})
document.addEventListener('visibilitychange', () => rooms.save())

const chat = new Chat(rooms, settings, storage?.getItem(NAME_KEY) ?? '')
const { client } = chat
const panels = new Panels()

// Messages.

const text = part('text', HTMLTextAreaElement)

onSubmit(part('composer', HTMLFormElement), () => {
  const words = text.value.trim()
  if (words === '') return
  const ref = newRef()
  const room = rooms.current.name
  const sent = client.emitWithAck('say', room, words, ref)
  const said = { room, from: client.id ?? '', name: chat.nick, ref, text: words, at: Date.now(), file: null }
  chat.outgoing.sending(said)
  chat.spoke()
  sent.catch((error: unknown) => chat.outgoing.failed(ref, error))
  text.value = ''
})
text.addEventListener('keydown', (event) => {
  // Enter that ends the composition of a character is not the Enter that sends.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
  event.preventDefault()
  text.form?.requestSubmit()
})
text.addEventListener('input', () => {
  if (text.value.trim() !== '' && chat.typing.tells()) client.volatile.emit('typing', rooms.current.name)
})

// Files.

const sender = {
  part: (index: number, bytes: Uint8Array) => client.emitWithAck('part', index, bytes),
  share: (room: string, ref: string, name: string, picture: Awaited<ReturnType<typeof measured>>) =>
    client.emitWithAck('share', room, ref, name, picture),
  measure: measured,
}
const uploads = new Uploads(sender, settings, newRef, {
  progress: (ref, share) => chat.outgoing.progress(ref, share),
  failed: (ref, error) => {
    chat.sentFiles.delete(ref)
    chat.outgoing.failed(ref, error)
  },
  sent: (ref, bytes) => chat.sentFiles.set(ref, bytes),
})

function send(files: Iterable<File>): void {
  const room = rooms.current.name
  for (const file of files) {
    const added = uploads.add(room, file)
    if (added.ok) chat.outgoing.uploading(room, added)
    else chat.notices.say(added.reason)
  }
  chat.spoke()
}

const file = part('file', HTMLInputElement)
part('attach', HTMLButtonElement).addEventListener('click', () => file.click())
file.addEventListener('change', () => {
  send(file.files ?? [])
  file.value = ''
})
text.addEventListener('paste', (event) => {
  const { files } = event.clipboardData ?? { files: [] }
  if (files.length === 0) return
  event.preventDefault()
  send(files)
})
// Files alone: text may be dragged into a field as ever.
const holdsFiles = ({ dataTransfer }: DragEvent): boolean => dataTransfer?.types.includes('Files') === true
addEventListener('dragover', (event) => holdsFiles(event) && event.preventDefault())
addEventListener('drop', (event) => {
  if (!holdsFiles(event)) return
  event.preventDefault()
  send(event.dataTransfer?.files ?? [])
})

// The name.

const name = part('name', HTMLInputElement)
name.value = chat.nick
chat.named = (taken) => {
  storage?.setItem(NAME_KEY, taken)
  // It may hold a half-typed one.
  if (document.activeElement !== name) name.value = taken
}
onSubmit(part('naming', HTMLFormElement), async () => {
  try {
    chat.nick = await client.emitWithAck('nick', name.value)
    name.value = chat.nick
    storage?.setItem(NAME_KEY, chat.nick)
  } catch (error) {
    chat.notices.say(`The name was not changed: ${reasonOf(error)}`)
  }
})

// The rooms.

const wanted = part('wanted', HTMLInputElement)
onSubmit(part('moving', HTMLFormElement), () => {
  const room = wanted.value.trim()
  wanted.value = ''
  if (room === rooms.current.name) moved()
  else location.hash = encodeURIComponent(room)
})
addEventListener('hashchange', moved)

function moved(): void {
  panels.close()
  rooms.current.draft = text.value
  chat.show(roomIn(location.hash))
  composeFor(rooms.current.name)
  // Where that brings up a keyboard it would cover what was just asked for.
  const target = matchMedia('(pointer: coarse)').matches ? part('scroll', HTMLElement) : text
  target.focus()
}

function composeFor(room: string): void {
  text.value = rooms.current.draft
  text.ariaLabel = `Message to ${room}`
  // A long one would make the field grow.
  text.placeholder = room.length > PLACEHOLDER_ROOM_MAX ? 'Message' : text.ariaLabel
}
composeFor(rooms.current.name)

// To watch a session survive.

part('cut', HTMLButtonElement).addEventListener('click', () => client.cutLink())
const kill = part('kill', HTMLButtonElement)
for (const element of document.querySelectorAll<HTMLElement>('[data-for-demo]'))
  element.hidden = !settings.demo
kill.addEventListener('click', async () => {
  // Not disabled: that would take the focus away.
  if (kill.ariaBusy === 'true') return
  kill.ariaBusy = 'true'
  try {
    await client.emitWithAck('kill')
    chat.happened('Your worker was killed: the session went on in another process.')
  } catch (error) {
    if (codeOf(error) !== 'unknown') chat.notices.say(reasonOf(error))
  }
  kill.ariaBusy = 'false'
})

part('skip', HTMLButtonElement).addEventListener('click', () => text.focus())

function settingsIn({ path = '/api/', fileBytes, partBytes, demo }: DOMStringMap): PageSettings {
  const sizes: Omit<Settings, 'demo'> = { fileBytes: Number(fileBytes), partBytes: Number(partBytes) }
  return { path, ...sizes, demo: demo === 'on' }
}

/** Reading the property throws where the browser blocks storage, writing where it is full: then nothing is kept. */
function storageOrNull(): Pick<Storage, 'getItem' | 'setItem'> | null {
  try {
    const storage = localStorage
    return {
      getItem: (key) => storage.getItem(key),
      setItem: (key, value) => {
        try {
          storage.setItem(key, value)
        } catch {
          // The next page begins as this one did.
        }
      },
    }
  } catch {
    return null
  }
}

/** `crypto.randomUUID` is missing on plain http, where this chat is tried first. */
function newRef(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}
