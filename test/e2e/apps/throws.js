/** Cannot be loaded. */
throw new Error('this application is broken at its first line')
