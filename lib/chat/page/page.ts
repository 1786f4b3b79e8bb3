/** The chat's page: one client, one room at a time. */
import { connect, type Member } from '../../client/index.ts'
import type { Public, Said, ToClient, ToServer } from '../events.ts'
import { Log } from './log.ts'
import { People } from './people.ts'
import { backWords, codeOf, type LinkWords, linkWords, reasonOf, roomIn } from './words.ts'

const ENTER_AGAIN_MS = 2000
const BACK_SHOWN_MS = 5000
const NAME_KEY = 'limpet-name'

const parts = {
  title: part('title', HTMLHeadingElement),
  link: part('link', HTMLElement),
  toggle: part('toggle', HTMLButtonElement),
  composer: part('composer', HTMLFormElement),
  text: part('text', HTMLTextAreaElement),
  naming: part('naming', HTMLFormElement),
  name: part('name', HTMLInputElement),
  moving: part('moving', HTMLFormElement),
  wanted: part('wanted', HTMLInputElement),
  side: part('side', HTMLElement),
  cut: part('cut', HTMLButtonElement),
}
const storage = localStorageOrNull()
/** As the server knows it, or will: the input may hold a half-typed one. */
let nick = storage?.getItem(NAME_KEY) ?? ''
parts.name.value = nick

// A closed or reloaded page leaves the room now, not after its grace. Added before the client adds its own listener,
// which drops the link: a window's events reach its listeners in the order they were added, capturing or not.
addEventListener('pagehide', ({ persisted }) => persisted || client.close())

const client = connect<ToServer, ToClient>(
  new URL(document.documentElement.dataset.path ?? '/api/', location.href),
  { auth: () => ({ nick }) },
)

/** All session ids this page has had: after a discontinuity the old lines are still its own. */
const ownIds = new Set<string>()
const isOwn = (id: string): boolean => ownIds.has(id)
const log = new Log({
  scroll: part('scroll', HTMLElement),
  lines: part('lines', HTMLOListElement),
  outgoing: part('outgoing', HTMLOListElement),
  fresh: part('fresh', HTMLButtonElement),
})
const people = new People(part('people', HTMLUListElement), part('count', HTMLElement), isOwn)

let room = ''
let entries = 0
/** Lines of the room that come before its history has; null once the history is shown. */
let early: Said[] | null = null
/** Messages of others since the link came back; null while nothing is being caught up. */
let caughtUp: number | null = null
let resumes = 0
let backTimer: ReturnType<typeof setTimeout> | undefined

// The room.

async function enter(wanted: string): Promise<void> {
  const entry = ++entries
  if (wanted !== room) log.clear()
  room = wanted
  early = []
  parts.title.textContent = `# ${room}`
  document.title = `#${room} · limpet`
  const answer = client.emitWithAck('enter', room)
  try {
    await people.renew(answer.then(({ members }) => members))
    const { history } = await answer
    if (entry !== entries) return
    if (client.id !== null) took(client.id)
    for (const said of [...history, ...early]) log.said(said, isOwn(said.from))
    early = null
  } catch (error) {
    if (entry !== entries) return
    const code = codeOf(error)
    // The session was lost on the way: `discontinuity` enters again.
    if (code === 'not_delivered' || code === 'unknown') return
    log.notice(`This room could not be entered: ${reasonOf(error)}`)
    if (code === 'room_invalid' || client.state === 'closed') return
    setTimeout(() => entry === entries && void enter(room), ENTER_AGAIN_MS)
  }
}

/** The id this page has now, and the name the server took it by: a guest's was made there. */
function took(id: string): void {
  ownIds.add(id)
  const name = people.nameOf(id)
  if (name === undefined) return
  named(name)
  if (document.activeElement !== parts.name) parts.name.value = name
}

function named(name: string): void {
  nick = name
  storage?.setItem(NAME_KEY, name)
}

client.on('said', (said) => {
  if (said.room !== room) return
  if (early) early.push(said)
  else if (log.said(said, isOwn(said.from)) && caughtUp !== null && !isOwn(said.from)) caughtUp += 1
})
client.on('joined', (where, member) => changed(where, 'here', member, `${member.data.name} arrived`))
client.on('left', (where, member) => changed(where, 'gone', member, `${member.data.name} left`))
client.on('updated', (where, member) => {
  changed(where, 'here', member, `${people.nameOf(member.id) ?? 'Somebody'} is now ${member.data.name}`)
})

function changed(where: string, kind: 'here' | 'gone', { id, data }: Member<Public>, words: string): void {
  if (where !== room) return
  people.change(kind, { id, name: data.name })
  if (id !== client.id) log.notice(words)
}

// The link.

function showLink(words: LinkWords = linkWords(client.state, navigator.onLine)): void {
  clearTimeout(backTimer)
  parts.link.textContent = words.text
  parts.link.dataset.tone = words.tone
}

client.on('state', () => showLink())
addEventListener('online', () => showLink())
addEventListener('offline', () => showLink())

client.on('resume', async ({ samePage }) => {
  const mine = ++resumes
  caughtUp ??= 0
  // The answer stands behind everything that was missed: both leave from the session's one outbox.
  const isKnown = await people.renew(client.emitWithAck('who')).then(
    () => samePage,
    () => false,
  )
  // The link was lost again meanwhile: the later resume goes on counting.
  if (mine !== resumes) return
  if (isKnown && client.state === 'connected') {
    showLink(backWords(caughtUp))
    backTimer = setTimeout(() => showLink(), BACK_SHOWN_MS)
  }
  caughtUp = null
})
client.on('discontinuity', ({ code }) => {
  log.notice(`A new session began (${code}).`)
  void enter(room)
})
client.on('close', ({ reason }) => log.notice(`The session is over: ${reason}`))

parts.cut.addEventListener('click', () => client.cutLink())

// The forms.

onSubmit(parts.composer, () => {
  const text = parts.text.value.trim()
  if (text === '') return
  const ref = randomRef()
  const sent = client.emitWithAck('say', text, ref)
  log.sending({ room, from: client.id ?? '', name: nick, ref, text, at: Date.now() })
  sent.catch((error: unknown) => log.failed(ref, error))
  parts.text.value = ''
})
parts.text.addEventListener('keydown', (event) => {
  // Enter that ends the composition of a character is not the Enter that sends.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
  event.preventDefault()
  parts.composer.requestSubmit()
})

onSubmit(parts.naming, async () => {
  try {
    named(await client.emitWithAck('nick', parts.name.value))
    parts.name.value = nick
  } catch (error) {
    log.notice(`The name was not changed: ${reasonOf(error)}`)
  }
})

onSubmit(parts.moving, () => {
  location.hash = encodeURIComponent(parts.wanted.value.trim())
  parts.wanted.value = ''
  openSide(false)
  parts.text.focus()
})
addEventListener('hashchange', () => void enter(roomIn(location.hash)))

function openSide(open: boolean): void {
  parts.side.classList.toggle('open', open)
  parts.toggle.setAttribute('aria-expanded', String(open))
}
parts.toggle.addEventListener('click', () => openSide(!parts.side.classList.contains('open')))
addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || !parts.side.classList.contains('open')) return
  openSide(false)
  parts.toggle.focus()
})

showLink()
void enter(roomIn(location.hash))

function onSubmit(form: HTMLFormElement, act: () => unknown): void {
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    act()
  })
}

function part<T extends HTMLElement>(name: string, kind: new () => T): T {
  const found = document.querySelector(`[data-part="${name}"]`)
  if (!(found instanceof kind)) throw new Error(`the page has no part named ${name}`)
  return found
}

/** Reading the property throws where the browser blocks storage. */
function localStorageOrNull(): Storage | null {
  try {
    return localStorage
  } catch {
    return null
  }
}

/** `crypto.randomUUID` is missing on plain http, where this chat is tried first. */
function randomRef(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}
