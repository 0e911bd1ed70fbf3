/** Examples below `rr --help`. */
export const examplesText = `
Examples:
  rr init php                   create a project that runs; php, node or python
  rr dev index.handler          run an ordinary Lambda handler, without a configuration file
  rr dev                        run with the Lambda emulator, restart workers when files change
  rr invoke --sqs 10            send it a batch of ten records
  rr dev --leaks                report what jobs change for the jobs after them
  rr dev --sqs orders.fifo      process a queue in memory; rr send --group a adds messages
  rr serve -c rr.yaml           run in production
  rr validate                   find every fault of rr.yaml without starting anything
  rr workers --json             list the workers of the running server as JSON`
