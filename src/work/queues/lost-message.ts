/** The fault of a message that somebody else has by now: its receipt is stale, or its visibility has ended. */
export class LostMessage extends Error {}
