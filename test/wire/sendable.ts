/** Whatever an application may send, and what arrives of it. */
import fc from 'fast-check'

/** Any UTF-16 units, lone surrogates among them. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
    .map((units) => String.fromCharCode(...units)),
  fc
    .array(fc.constantFrom('\x1e', '\0', 'a', 'é', '€', '😀', '\ud83d', '\ude00', '"', '\\'))
    .map((c) => c.join('')),
)

const key = fc.oneof(
  anyText,
  fc.constantFrom('__proto__', 'constructor', 'toString', 'length', 'hasOwnProperty', '0', ''),
)

const bytes: fc.Arbitrary<Uint8Array | ArrayBuffer> = fc.uint8Array({ maxLength: 40 }).chain((data) =>
  fc.constantFrom<Uint8Array | ArrayBuffer>(
    data,
    Buffer.from(data),
    new Uint8Array(data).buffer,
    // A view into something larger.
    new Uint8Array([1, 2, 3, ...data, 4]).subarray(3, 3 + data.length),
  ),
)

/** JSON with bytes at any depth. */
export const sendable: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, -0, 1.5, Number.MAX_SAFE_INTEGER),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    anyText,
    bytes,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
})).value

/** JSON has no −0; bytes of every kind arrive as plain `Uint8Array`. */
export function arrived(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  if (Array.isArray(value)) return value.map(arrived)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, arrived(inner)]))
  return Object.is(value, -0) ? 0 : value
}
