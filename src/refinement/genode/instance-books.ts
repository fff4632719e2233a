import type { Accounts } from '../../impl/genode/core/accounts.ts';
import { PD_COST } from '../../impl/genode/core/parent.ts';
import { PAGE_BYTES } from '../../impl/genode/core/ram.ts';
import { LABEL_SEPARATOR } from '../../impl/genode/init/label.ts';
import type { InstanceState } from '../../impl/genode/instance/state.ts';
import { CORE } from '../../impl/genode/instance/workspace.ts';

/** What there is of each resource in an instance. */
export interface Totals {
  readonly ram: number;
  readonly caps: number;
}

/** Sum of all limits without what donations paid: that part is still in the limit of who gave it. */
const held = (accounts: Accounts): number =>
  accounts.reduce((sum, { limit, initialLimit }) => sum + limit - initialLimit, 0);

/** What an instance has in all, by its subject information and by what core makes of it; undefined before core is there. */
export function totalsOf({ phase, info, caps }: InstanceState): Totals | undefined {
  const region = info?.memory.find(({ name, isWritable }) => name === 'ram' && isWritable);
  if (phase !== 'run' || region === undefined) return undefined;
  return { ram: Math.floor(region.sizeBytes / PAGE_BYTES) * PAGE_BYTES, caps: held(caps) };
}

/** Use of each account that components and their memory explain. */
function explainedUse(state: InstanceState, resource: 'ram' | 'caps'): Map<number, number> {
  const use = new Map<number, number>();
  const add = (account: number | undefined, amount: number): void => {
    if (account !== undefined) use.set(account, (use.get(account) ?? 0) + amount);
  };
  for (const { owner, costBytes, isAlive } of state.dataspaces) {
    if (!isAlive || costBytes === 0) continue;
    const { init, child } = state.components[owner]!;
    const accounts = init < 0 ? state.books.get(CORE)?.own : state.books.get(init)?.children[child];
    add(accounts?.[resource], resource === 'ram' ? costBytes : 1);
  }
  for (const { init, isAlive } of state.components) {
    if (isAlive && init >= 0)
      add(state.books.get(init)?.own[resource], resource === 'ram' ? PD_COST.ramBytes : PD_COST.caps);
  }
  return use;
}

function wrongAccounts(state: InstanceState, totals: Totals, resource: 'ram' | 'caps'): string {
  const accounts = state[resource];
  const sum = held(accounts);
  if (sum !== totals[resource]) return `${resource}: all accounts hold ${sum} together, ${totals[resource]} exist`;
  const explained = explainedUse(state, resource);
  for (const [index, { isAlive, limit, initialLimit, used }] of accounts.entries()) {
    if (used > limit || limit < initialLimit)
      return `${resource}: account ${index} uses ${used} of ${limit}, ${initialLimit} donated`;
    const expected = explained.get(index) ?? 0;
    if (isAlive && used !== expected)
      return `${resource}: account ${index} counts ${used} as used, what it pays for is ${expected}`;
  }
  return '';
}

/** Pages are free or belong to one dataspace. */
function wrongPages({ dataspaces, free }: InstanceState, totals: Totals): string {
  const used = dataspaces.flatMap(({ isAlive, costBytes, address }) =>
    isAlive && costBytes > 0 ? [{ address: address!, sizeBytes: costBytes }] : [],
  );
  const ranges = [...free, ...used].sort((a, b) => a.address - b.address);
  const overlap = ranges.find(
    ({ address, sizeBytes }, index) => address + sizeBytes > (ranges[index + 1]?.address ?? Infinity),
  );
  if (overlap !== undefined) return `the page at ${overlap.address} belongs to two`;
  const sum = ranges.reduce((all, { sizeBytes }) => all + sizeBytes, 0);
  return sum === totals.ram ? '' : `${sum} bytes are free or in use, ${totals.ram} exist`;
}

/** True if two PDs are, or were, the two ends of a session. */
const meet = ({ sessions }: InstanceState, a: number, b: number): boolean =>
  sessions.some(({ client, server }) => (client === a && server === b) || (client === b && server === a));

/** What a PD refers to is its own, or comes from somebody with whom it has had a session. */
function wrongSpaces(state: InstanceState): string {
  const { objects, spaces } = state.capabilities;
  for (const [pd, space] of spaces.entries()) {
    const seen = new Set<number>();
    for (const identity of space) {
      if (identity === undefined) continue;
      if (seen.has(identity)) return `component ${pd} has two names for object ${identity}`;
      seen.add(identity);
      const { kind, owner, isAlive } = objects[identity]!;
      if (isAlive && owner !== pd && !meet(state, pd, owner))
        return `component ${pd} refers to a ${kind} of component ${owner}, which it has nothing to do with`;
    }
  }
  return '';
}

/** Address spaces hold memory that lives, that the PD has a capability of, and no more access than the memory allows. */
function wrongMaps({ maps, dataspaces, capabilities }: InstanceState): string {
  const identities = new Map<number, number>();
  for (const [identity, { kind, value }] of capabilities.objects.entries())
    if (kind === 'dataspace') identities.set(value, identity);
  for (const [pd, { regions }] of maps) {
    for (const { dataspace, isWritable } of regions) {
      const found = dataspaces[dataspace];
      if (found?.isAlive !== true) return `component ${pd} has memory attached that was freed`;
      if (isWritable && !found.isWritable) return `component ${pd} may write memory that is read-only`;
      const identity = identities.get(dataspace);
      if (identity === undefined || !(capabilities.spaces[pd] ?? []).includes(identity))
        return `component ${pd} has memory attached that it has no capability of`;
    }
  }
  return '';
}

/** Sessions carry the names of the components on their way: nobody can pose as another. */
function wrongLabels({ sessions, components }: InstanceState): string {
  for (const { client, label, hops, parent, status } of sessions) {
    const outermost = hops.at(-1);
    if (parent >= 0 || status === 'closed' || outermost === undefined) continue;
    const { path, init } = components[client]!;
    const first = Math.min(...hops.map(hop => components[hop.init]!.path.length));
    const name = path.slice(first).join(LABEL_SEPARATOR);
    if (label !== name && !label.startsWith(`${name}${LABEL_SEPARATOR}`) && init >= 0)
      return `a session of "${path.join(LABEL_SEPARATOR)}" carries the label "${label}"`;
  }
  return '';
}

/** What is wrong with the books of an instance between two handlers; empty if nothing is. */
export function wrongBooks(state: InstanceState, totals: Totals): string {
  if (state.phase !== 'run') return '';
  return (
    wrongAccounts(state, totals, 'ram') ||
    wrongAccounts(state, totals, 'caps') ||
    wrongPages(state, totals) ||
    wrongSpaces(state) ||
    wrongMaps(state) ||
    wrongLabels(state)
  );
}
