/** Type of one argument or of a part of a result of an RPC function. */
export type RpcType =
  /** Unsigned or signed integers of a fixed width, and truth values. */
  | { readonly kind: 'u8' | 'u16' | 'u32' | 'u64' | 'i32' | 'i64' | 'bool' }
  /** String in a buffer of at most `maxBytes` bytes, terminating NUL included. */
  | { readonly kind: 'string'; readonly maxBytes: number }
  /** Bytes of a fixed number, for packed records that a proxy does not look into. */
  | { readonly kind: 'bytes'; readonly sizeBytes: number }
  /** Capability of a signal context (may be invalid) or of a dataspace. */
  | { readonly kind: 'signal' | 'dataspace' }
  /** Capability of a session or of another RPC object; `of` names the interface of one that a server makes. */
  | { readonly kind: 'session' | 'capability'; readonly of?: string };

/** A named argument or result. */
export interface RpcField {
  readonly name: string;
  readonly type: RpcType;
}

/** One function of a session interface; its opcode is its place in the list. */
export interface RpcFunction {
  readonly name: string;
  readonly arguments: readonly RpcField[];
  readonly results: readonly RpcField[];
  /** Error codes that may come instead of the results, in the order of their values. */
  readonly errors: readonly string[];
  /** Contents of the session's dataspace that go with the call; a proxy has to carry them. */
  readonly copy?: DataspaceCopy;
}

/**
 * How a proxy can carry a service to another Genode instance: by messages alone, with a bulk channel for its dataspaces,
 * or not at all, because it stands for hardware or kernel objects of one instance.
 */
export type ProxyClass = 'message' | 'bulk' | 'local';

/** A packet stream of a session: which side is the source. */
export interface StreamDirection {
  readonly name: 'tx' | 'rx';
  readonly source: 'client' | 'server';
  readonly slots: number;
  /** 32-bit words of a packet descriptor beyond offset and size. */
  readonly words: number;
  /** When the bytes of a packet mean something: towards the sink, and back at the source as well. */
  readonly payload: 'submit' | 'both';
  /** Word that is 1 in a packet that was handled and 0 in one that failed, for streams whose packets can fail. */
  readonly success?: number;
}

/** Words of a packet that comes back although nobody handled it. */
export const failedWords = ({ success }: StreamDirection, words: readonly number[]): readonly number[] =>
  words.map((word, index) => (index === success ? 0 : word));

/** Bytes of a session's dataspace that a call moves: how many, by the table alone. */
export type CopyExtent =
  /** The whole dataspace. */
  | { readonly kind: 'whole' }
  /** So many units from its start, as an argument or a result of the call says. */
  | { readonly kind: 'count'; readonly field: string; readonly unitBytes: number };

/** What a call reads from the dataspace that client and server share ('in'), or writes into it ('out'). */
export interface DataspaceCopy {
  readonly direction: 'in' | 'out';
  readonly extent: CopyExtent;
}

/** A session interface of Genode with what a session costs its client. */
export interface SessionInterface {
  /** Exact name of the service in routes. */
  readonly service: string;
  readonly title: string;
  readonly caps: number;
  /** RAM donation in bytes, without the buffers that the arguments ask for. */
  readonly ramBytes: number;
  /** Keys of the session arguments after label, ram_quota and cap_quota. */
  readonly sessionArguments: readonly string[];
  readonly proxy: ProxyClass;
  readonly streams: readonly StreamDirection[];
  readonly functions: readonly RpcFunction[];
}

export const U8: RpcType = { kind: 'u8' };
export const U16: RpcType = { kind: 'u16' };
export const U32: RpcType = { kind: 'u32' };
export const U64: RpcType = { kind: 'u64' };
export const I32: RpcType = { kind: 'i32' };
export const BOOL: RpcType = { kind: 'bool' };
export const SIGNAL: RpcType = { kind: 'signal' };
export const DATASPACE: RpcType = { kind: 'dataspace' };
export const CAPABILITY: RpcType = { kind: 'capability' };
/** A new RPC object of a session, by the name of its interface. */
export const object = (of: string): RpcType => ({ kind: 'capability', of });
export const string = (maxBytes: number): RpcType => ({ kind: 'string', maxBytes });
export const bytes = (sizeBytes: number): RpcType => ({ kind: 'bytes', sizeBytes });

const fields = (from: Readonly<Record<string, RpcType>>): RpcField[] =>
  Object.entries(from).map(([name, type]) => ({ name, type }));

/** A row of an interface table. */
export function rpc(
  name: string,
  given: Readonly<Record<string, RpcType>> = {},
  results: Readonly<Record<string, RpcType>> = {},
  errors: readonly string[] = [],
): RpcFunction {
  return { name, arguments: fields(given), results: fields(results), errors };
}

/** The same function with contents of the session's dataspace that go with it. */
export const copying = (
  called: RpcFunction,
  direction: DataspaceCopy['direction'],
  extent: CopyExtent = { kind: 'whole' },
): RpcFunction => ({ ...called, copy: { direction, extent } });

/** Units from the start of the dataspace, as a field of the call says. */
export const counted = (field: string, unitBytes = 1): CopyExtent => ({ kind: 'count', field, unitBytes });

/** True if a capability of the function is that of a packet stream, which stands for the stream's dataspace here. */
export const isStreamFunction = (called: RpcFunction): boolean => called.name === 'tx_cap' || called.name === 'rx_cap';

/** Bytes that a value takes in a message; a capability crosses as a number that the proxies agree on. */
export function wireBytes(type: RpcType): number {
  switch (type.kind) {
    case 'u8':
    case 'bool':
      return 1;
    case 'u16':
      return 2;
    case 'u64':
    case 'i64':
      return 8;
    case 'string':
      return 2 + type.maxBytes;
    case 'bytes':
      return type.sizeBytes;
    default:
      return 4;
  }
}
