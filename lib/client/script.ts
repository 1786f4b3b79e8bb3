/** `/client.js`: for a page without modules, all that `limpet/client` exports as the global `limpet`. */
import { connect, LimpetError } from './index.ts'

Object.assign(globalThis, { limpet: { connect, LimpetError } })
