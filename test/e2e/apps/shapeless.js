/** Has no default export that could be called. */
export default { not: 'a function' }
