import type { RpcField } from '../services/interface.ts';

/** Sessions that one proxy keeps at a time. */
export const MAX_SESSIONS = 16;
/** Longest label with its NUL. */
export const LABEL_BYTES = 160;
/** Packets of one session that the server may hold at a time. */
export const MAX_PACKETS = 64;

/** What a session is opened with. */
export const OPEN_FIELDS: readonly RpcField[] = [
  { name: 'label', type: { kind: 'string', maxBytes: LABEL_BYTES } },
  { name: 'service', type: { kind: 'string', maxBytes: 64 } },
  { name: 'args', type: { kind: 'string', maxBytes: 160 } },
];

/** Session arguments as one text `key=value, ...`; an argument that does not fit into it is left out. */
export function argsText(args: Readonly<Record<string, string>>): string {
  let text = '';
  for (const [key, value] of Object.entries(args)) {
    const next = `${text === '' ? '' : `${text}, `}${key}=${value}`;
    if (/^[a-z_]+=[!-+\--<>-~]*$/.test(`${key}=${value}`) && next.length < 160) text = next;
  }
  return text;
}

/** Arguments of such a text, whatever it holds. */
export function argsOfText(text: string): Record<string, string> {
  const pairs = text.split(', ').map(part => /^([a-z_]+)=(.*)$/.exec(part));
  return Object.fromEntries(pairs.flatMap(match => (match === null ? [] : [[match[1]!, match[2]!]])));
}

const WORD = { kind: 'u32' } as const;

/** Words of a packet as a message carries them. */
export const wordFields = (count: number) => Array.from({ length: count }, () => ({ name: 'word', type: WORD }));
