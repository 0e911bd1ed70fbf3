// Makes the package `helmet` a middleware that `http.middleware` can name.
import helmet from 'helmet'
import { definePlugin, HttpMiddleware } from 'relayrunner'

export default definePlugin({
  name: 'helmet',
  provides: HttpMiddleware,
  setup: () => ({ service: { name: 'helmet', handle: helmet() } }),
})
