// Answers requests.
import { fetchHandler, serve } from 'relayrunner/worker'

await serve(fetchHandler(() => new Response('hello\n')))
