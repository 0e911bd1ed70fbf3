// An ordinary Lambda handler: nothing of RelayRunner in it. `rr` runs it through its loader.
export const handler = async (event, context) => ({
  ok: true,
  requestId: context.awsRequestId,
  hasTime: context.getRemainingTimeInMillis() > 0,
  keys: Object.keys(event),
})
