/**
 * Error for a message that another consumer may have received: its receipt is stale, or its visibility timeout has ended.
 */
export class LostMessage extends Error {}
