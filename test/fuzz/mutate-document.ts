import type { PolicyDocument } from '../../src/policy/document.ts';
import type { Rng } from '../../src/units/rng.ts';

/** Something in a document: where it stands, and what stands there. */
interface Place {
  readonly holder: Record<string, unknown> | unknown[];
  readonly key: string;
  readonly value: unknown;
  /** The keys on the way, without positions in lists. */
  readonly kind: string;
}

const pick = <T>(rng: Rng, items: readonly T[]): T => items[rng.below(items.length)]!;

/** Numbers at which something changes: MSRs that a VMCS holds or that no bitmap has, ends of ranges. */
const NUMBERS = [0, 1, 2, 63, 64, 255, 0x1d9, 0x277, 0x38f, 0x1fff, 0x2000, 0xffff];
const MSRS = [0x174, 0x1d9, 0x277, 0x38f, 0x1fff, 0x2000, 0xc000_0080, 0xc000_0081, 0xffff_ffff];
const ADDRESSES = [0, 0xfff, 0x1000, 2 ** 32, 2 ** 39, 2 ** 40 - 2 ** 12, 2 ** 47 - 2 ** 12, 2 ** 48];
/** Keys that a document need not have. */
const OPTIONAL: ReadonlySet<string> = new Set([
  ...['pci', 'content', 'hash', 'hashRef', 'vector', 'action', 'siblingOf', 'kernelDiagnostics'],
  ...['cs', 'ss', 'ds', 'es', 'fs', 'gs', 'tr', 'ldtr'],
]);
/** Objects whose keys are many of one sort. */
const ALIKE = /\.(controls\.[a-z0-9]+|masks\.[a-z0-9]+|cr[04](Shadow)?|gpr|segments)$/;
const FEATURES = [0, 1, 3, 7, 0xe7, 0x1f, 0xffff_ffff];

/** Places by kind (the keys on the way to them, without positions in lists): rare ones are chosen as often as frequent ones. */
function placesByKind(document: PolicyDocument): readonly (readonly Place[])[] {
  const found = new Map<string, Place[]>();
  const visit = (holder: Place['holder'], key: string, value: unknown, path: string): void => {
    const inner = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
    // The type of a list's element counts, the names of control bits and segments do not.
    const type = typeof inner?.type === 'string' ? `(${inner.type})` : '';
    const kind = Array.isArray(holder) ? `${path}[]${type}` : `${path}.${ALIKE.test(path) ? '*' : key}`;
    const places = found.get(kind);
    if (places === undefined) found.set(kind, [{ holder, key, value, kind }]);
    else places.push({ holder, key, value, kind });
    if (inner === undefined) return;
    // Positions only stand in messages.
    for (const [name, child] of Object.entries(inner)) if (name !== 'at') visit(inner, name, child, kind);
  };
  for (const [name, child] of Object.entries(document))
    if (name !== 'at' && name !== 'format') visit(document as unknown as Record<string, unknown>, name, child, '');
  return [...found.values()];
}

/** Highest values that the parser lets pass, by key; event ids are 63, other ids at most that here, too. */
const LIMITS: Readonly<Record<string, number>> = {
  bus: 255,
  device: 31,
  function: 7,
  apicId: 255,
  cpuId: 255,
  cpu: 255,
  id: 63,
  vector: 255,
  number: 220,
  pattern: 255,
  vmxTimerRate: 31,
  subleaf: 255,
};

/** As the parser would have it: ports have 16 bits, MSRs and whatever is larger stand for themselves. */
function limited(key: string, value: number, before: number): number {
  const limit = LIMITS[key] ?? (/^(start|end)$/.test(key) && before <= 0xffff ? 0xffff : Number.MAX_SAFE_INTEGER);
  return Math.min(value, limit);
}

function changedNumber(rng: Rng, key: string, value: number): number {
  const isAddress = /address|size/i.test(key);
  switch (rng.below(4)) {
    case 0:
      return pick(rng, isAddress ? ADDRESSES : /^(start|end)$/.test(key) && value > 0xffff ? MSRS : NUMBERS);
    case 1:
      return /^e[abcd]x$/.test(key) ? pick(rng, FEATURES) : value + 1;
    case 2:
      return Math.max(0, value - 1);
    default: {
      const bit = 2 ** rng.below(isAddress ? 40 : 12);
      return Math.floor(value / bit) % 2 === 0 ? value + bit : value - bit;
    }
  }
}

/** Changes what stands at one place. */
function change(rng: Rng, { holder, key, value, kind }: Place, others: readonly Place[]): void {
  const target = holder as Record<string, unknown>;
  const isInList = Array.isArray(holder);
  const choice = rng.below(6);
  if (choice === 0 && isInList) holder.splice(Number(key), 1);
  else if (choice === 1 && isInList) holder.push(structuredClone(value));
  else if (choice === 1 && (OPTIONAL.has(key) || kind.endsWith('.gpr.*'))) delete target[key];
  else if (choice === 2) target[key] = structuredClone(pick(rng, others).value);
  else if (Array.isArray(value)) {
    if (choice === 3) value.length = 0;
    else value.pop();
  } else if (typeof value === 'number') target[key] = limited(key, changedNumber(rng, key, value), value);
  else if (typeof value === 'bigint') target[key] = value ^ (1n << BigInt(rng.below(64)));
  else if (typeof value === 'boolean') target[key] = !value;
  else if (typeof value === 'string') target[key] = choice === 3 ? `${value}x` : pick(rng, others).value;
}

/** A document with a few things changed that the parser might have refused: references, numbers, lists, flags. */
export function mutatedDocument(rng: Rng, document: PolicyDocument, most: number): PolicyDocument {
  const result = structuredClone(document);
  for (let count = 1 + rng.below(most); count > 0; count--) {
    const kind = pick(rng, placesByKind(result));
    change(rng, pick(rng, kind), kind);
  }
  return result;
}
