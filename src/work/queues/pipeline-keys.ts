/** Keys that pipelines of more than one driver have. */

/** Priority of a pipeline's jobs. */
export const priorityKey = {
  type: 'integer',
  minimum: 1,
  maximum: 1000,
  default: 10,
  description: 'Priority of jobs that have none; less is more often.',
} as const
