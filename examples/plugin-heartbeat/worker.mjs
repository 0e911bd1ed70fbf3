// A worker for the test: the plugin looks at a pool, so there has to be one.
import { serve } from 'relayrunner/worker'

await serve(async (body) => body)
