/** Makes the context of an answer: the handler's own, the number of the job, and whether the worker leaves. */

type Head = Readonly<Record<string, unknown>>

/** Head that is not an answer: the worker leaves, and the job goes to another one. */
export const stopHead: Head = { stop: true }

// The server appends it, so it is at the end of the context.
const tailBytes = 80

/** Returns the job's number as it came; undefined when the server sent none. */
export function jobIdOf(context: Buffer): string | undefined {
  const tail = context.toString('latin1', Math.max(0, context.length - tailBytes))
  return /[{,]\s*"jobId"\s*:\s*(-?\d[\d.eE+-]*)\s*\}\s*$/.exec(tail)?.[1]
}

/** Makes the heads of one job's answers. The job's number goes back as it came, with every digit. */
export function answerHead(
  jobId: string | undefined,
  isLeaving: () => boolean,
): (own: Head | undefined) => string {
  return (own) => {
    const leaves = isLeaving() && own !== stopHead ? { leave: true } : undefined
    const head = own === undefined && leaves === undefined ? '' : JSON.stringify({ ...own, ...leaves })
    if (jobId === undefined) return head
    return head === '' || head === '{}' ? `{"jobId":${jobId}}` : `${head.slice(0, -1)},"jobId":${jobId}}`
  }
}
