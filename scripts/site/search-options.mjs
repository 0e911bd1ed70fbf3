/** Options of the search index. `assets/search.js`, which reads the index in the browser, has the same; a test compares them. */
export const searchOptions = {
  fields: ['title', 'page', 'text'],
  storeFields: ['title', 'page', 'url', 'start'],
}
