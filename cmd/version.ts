/** Version of this package. A constant, as reading `package.json` takes 5 ms of a start; a test compares the two. */

/** Same as in `package.json`. */
export const version = '0.1.0'
