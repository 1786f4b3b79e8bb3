/** Texts in sight whose contrast is below 4.5, as WCAG counts it. Runs in a page: whole in itself. */
export function faintTexts(): string[] {
  // A canvas turns any colour of CSS into numbers.
  const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })!
  const over = (colours: string[], alpha = 1): number => {
    context.globalAlpha = alpha
    for (const colour of colours) {
      context.fillStyle = colour
      context.fillRect(0, 0, 1, 1)
    }
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => {
      const share = value / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    }) as [number, number, number]
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const faint: string[] = []
  for (const element of document.querySelectorAll<HTMLElement>('body *')) {
    const text = [...element.childNodes].some(
      ({ nodeType, nodeValue }) => nodeType === 3 && nodeValue?.trim(),
    )
    const isShown =
      element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) &&
      !element.closest('.unseen, .face')
    if (!text || !isShown) continue
    const layers: string[] = []
    let opacity = 1
    for (let e: HTMLElement | null = element; e; e = e.parentElement) {
      const style = getComputedStyle(e)
      layers.unshift(style.backgroundColor)
      opacity *= Number(style.opacity)
    }
    const ground = over(['white', ...layers])
    const ink = over([getComputedStyle(element).color], opacity)
    const contrast = (Math.max(ground, ink) + 0.05) / (Math.min(ground, ink) + 0.05)
    if (contrast < 4.5) faint.push(`${element.className || element.tagName} ${contrast.toFixed(2)}`)
  }
  return [...new Set(faint)]
}
