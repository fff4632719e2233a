/** Operations of a Block session; the place is the number, `end` is none. */
export const BLOCK_OPERATIONS = ['read', 'write', 'sync', 'trim', 'end'] as const;
export type BlockOperation = (typeof BLOCK_OPERATIONS)[number];

/** What a packet of a Block session asks for. */
export interface BlockRequest {
  readonly operation: BlockOperation;
  /** Chosen by the client, returned as it is. */
  readonly tag: number;
  readonly block: bigint;
  readonly count: number;
  readonly isDone: boolean;
}

/** Words of a packet descriptor beyond offset and size. */
export const encodeBlockRequest = ({ operation, tag, block, count, isDone }: BlockRequest): readonly number[] => [
  BLOCK_OPERATIONS.indexOf(operation),
  tag >>> 0,
  Number(block & 0xffff_ffffn),
  Number((block >> 32n) & 0xffff_ffffn),
  count,
  isDone ? 1 : 0,
];

/** Reads the words that a client, or a server, may have written at will. */
export function decodeBlockRequest(words: readonly number[]): BlockRequest {
  const [operation = 4, tag = 0, low = 0, high = 0, count = 0, done = 0] = words;
  return {
    operation: BLOCK_OPERATIONS[operation] ?? 'end',
    tag,
    block: (BigInt(high) << 32n) | BigInt(low),
    count,
    isDone: done === 1,
  };
}
