// An ordinary Lambda handler that does not use RelayRunner. `rr` runs it through its loader.
export const handler = async (event, context) => ({
  ok: true,
  requestId: context.awsRequestId,
  hasTime: context.getRemainingTimeInMillis() > 0,
  keys: Object.keys(event),
})
