/** Loads, and fails when it is called. */
export default async () => {
  throw new Error('this application is broken when it is called')
}
