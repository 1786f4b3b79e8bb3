/**
 * Loaded ahead of all else in a test's process. The runner registers a loader that notes which files a test reads, for
 * coverage and lists of its own, which nobody looks at here: its thread takes half a second of each test file.
 */
const module_ = require('node:module')

const { register } = module_
module_.register = (specifier, ...rest) =>
  String(specifier).includes('@tapjs/processinfo') ? undefined : register(specifier, ...rest)
