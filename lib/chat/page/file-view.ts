/**
 * A file in the log. Pictures of known kinds are decoded and drawn; nothing of a file ever reaches the page as a document,
 * and the page's policy stays at 'self'. Everything can be saved.
 */
import type { Attachment } from '../events.ts'
import type { Downloads } from './downloads.ts'
import { button, make } from './parts.ts'
import { pictureIn } from './picture.ts'
import { codeOf, sizeWords } from './words.ts'

/** Smaller pictures are fetched when they come into sight, larger ones when they are asked for. */
const UNASKED_BYTES = 1_000_000
/** Canvas pixels: twice what style gives them, for fine screens. */
const WIDTH_MAX = 640
const HEIGHT_MAX = 480
const SAVED_WITHIN_MS = 60_000

export class FileViews {
  readonly #downloads: Downloads
  readonly #waiting = new Map<Element, () => void>()
  readonly #sight: IntersectionObserver

  constructor(downloads: Downloads, root: Element) {
    this.#downloads = downloads
    this.#sight = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) if (isIntersecting) this.#seen(target)
      },
      { root, rootMargin: '200px' },
    )
  }

  of(file: Attachment): HTMLElement {
    const figure = make('figure', file.picture ? 'file picture' : 'file')
    const words = make('span', 'words')
    const name = make('span', 'name', file.name)
    name.dir = 'auto'
    const state = make('small', '', sizeWords(file.size))
    words.append(name, state)
    const save = button('quiet', 'Save', () => void this.#save(file, state))
    save.ariaLabel = `Save ${file.name}`
    const caption = make('figcaption')
    caption.append(words, save)
    if (file.picture) figure.append(this.#frame(file, file.picture, state))
    figure.append(caption)
    return figure
  }

  #frame(
    file: Attachment,
    { width, height }: { width: number; height: number },
    state: HTMLElement,
  ): HTMLElement {
    const frame = make('div', 'frame')
    const canvas = make('canvas')
    // Known before a byte has come: nothing moves when the picture does.
    const scale = Math.min(1, WIDTH_MAX / width, HEIGHT_MAX / height)
    canvas.width = Math.max(1, Math.round(width * scale))
    canvas.height = Math.max(1, Math.round(height * scale))
    canvas.role = 'img'
    canvas.ariaLabel = `Picture: ${file.name}`
    frame.append(canvas)
    const draw = (): void => void this.#draw(file, canvas, state)
    if (file.size > UNASKED_BYTES) {
      const show = button('quiet', 'Show', () => {
        show.remove()
        draw()
      })
      show.ariaLabel = `Show ${file.name}`
      frame.append(show)
    } else {
      this.#waiting.set(frame, draw)
      this.#sight.observe(frame)
    }
    return frame
  }

  #seen(frame: Element): void {
    this.#sight.unobserve(frame)
    this.#waiting.get(frame)?.()
    this.#waiting.delete(frame)
  }

  async #draw(file: Attachment, canvas: HTMLCanvasElement, state: HTMLElement): Promise<void> {
    const bytes = await this.#bytes(file, state)
    if (!bytes) return
    const bitmap = await decoded(bytes)
    if (!bitmap) {
      state.textContent = `${sizeWords(file.size)} · no picture that can be shown`
      return
    }
    // What the bytes say wins over what was said of them: fitted, never stretched.
    const scale = Math.min(canvas.width / bitmap.width, canvas.height / bitmap.height)
    const [width, height] = [bitmap.width * scale, bitmap.height * scale]
    const context = canvas.getContext('2d')
    if (context) context.imageSmoothingQuality = 'high'
    context?.drawImage(bitmap, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height)
    bitmap.close()
    canvas.dataset.shown = 'true'
  }

  async #save(file: Attachment, state: HTMLElement): Promise<void> {
    const bytes = await this.#bytes(file, state)
    if (!bytes) return
    // Of no type at all: a browser saves it, and has no reason to open it in this origin.
    const url = URL.createObjectURL(new Blob([bytes as BlobPart], { type: 'application/octet-stream' }))
    const link = make('a')
    link.href = url
    link.download = file.name
    link.click()
    setTimeout(() => URL.revokeObjectURL(url), SAVED_WITHIN_MS)
  }

  async #bytes(file: Attachment, state: HTMLElement): Promise<Uint8Array | null> {
    const size = sizeWords(file.size)
    try {
      const bytes = await this.#downloads.get(file, (share) => {
        state.textContent = `${size} · ${Math.round(share * 100)} %`
      })
      state.textContent = size
      return bytes
    } catch (error) {
      const why = codeOf(error) === 'file_forgotten' ? 'no longer kept' : 'could not be fetched'
      state.textContent = `${size} · ${why}`
      return null
    }
  }
}

/** As it is to be seen: a camera's pictures may be stored on their side. null: none that is shown. */
export async function measured(bytes: Uint8Array): Promise<Attachment['picture']> {
  const bitmap = await decoded(bytes)
  if (!bitmap) return null
  const { width, height } = bitmap
  bitmap.close()
  return { width, height }
}

async function decoded(bytes: Uint8Array): Promise<ImageBitmap | null> {
  const picture = pictureIn(bytes)
  if (!picture) return null
  const blob = new Blob([bytes as BlobPart], { type: picture.type })
  return createImageBitmap(blob).catch(() => null)
}
