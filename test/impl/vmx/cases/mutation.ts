import { encodingOf, launch, type Op, type OpList, poke, type VmxCase, vmwrite } from './case-program.ts';
import { LONG, profileValue } from './profiles.ts';

/* Changes of a VMCS, by field and value; their names are what test output shows. */

export interface Mutation {
  readonly name: string;
  readonly ops: readonly Op[];
}

export const set = (field: string, value: bigint | number): Mutation => ({
  name: `${field}=${BigInt.asUintN(64, BigInt(value)).toString(16)}`,
  ops: [vmwrite(field, value)],
});
export const all = (...parts: readonly Mutation[]): Mutation => ({
  name: parts.map(part => part.name).join(' '),
  ops: parts.flatMap(part => part.ops),
});
export const memory = (address: number, value: bigint | number): Mutation => ({
  name: `[${address.toString(16)}]=${BigInt(value).toString(16)}`,
  ops: [poke(address, value)],
});

export const flip = (profile: OpList, field: string, bits: number | bigint): Mutation =>
  set(field, profileValue(profile, encodingOf(field)) ^ BigInt(bits));
export const flips = (profile: OpList, field: string, count: number): Mutation[] =>
  Array.from({ length: count }, (_, bit) => flip(profile, field, 1n << BigInt(bit)));
export const values = (field: string, ...list: readonly (bigint | number)[]): Mutation[] =>
  list.map(value => set(field, value));

export const casesOf = (profile: OpList, mutations: readonly Mutation[]): VmxCase[] =>
  mutations.map(({ name, ops }) => ({ name: `${profile.name}: ${name}`, lists: [profile], ops: [...ops, launch()] }));

export const NOT_CANONICAL = [0x8000_0000_0000n, 0xffff_7fff_ffff_ffffn, 0x0001_0000_0000_0000n];
export const BEYOND = [1n << 40n, 1n << 51n, 1n << 52n, 1n << 63n];
export const SEGMENTS = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'LDTR', 'TR'];
export const HOST_SELECTORS = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'TR'];

export const withProc = (bits: number, ...more: readonly Mutation[]): Mutation =>
  all(set('PROC_CONTROLS', profileValue(LONG, encodingOf('PROC_CONTROLS')) | BigInt(bits >>> 0)), ...more);
export const withProc2 = (bits: number, ...more: readonly Mutation[]): Mutation =>
  all(set('PROC2_CONTROLS', profileValue(LONG, encodingOf('PROC2_CONTROLS')) | BigInt(bits >>> 0)), ...more);
export const withExit = (bits: number, ...more: readonly Mutation[]): Mutation =>
  all(set('EXIT_CONTROLS', profileValue(LONG, encodingOf('EXIT_CONTROLS')) | BigInt(bits >>> 0)), ...more);
export const withEntry = (bits: number, ...more: readonly Mutation[]): Mutation =>
  all(set('ENTRY_CONTROLS', profileValue(LONG, encodingOf('ENTRY_CONTROLS')) | BigInt(bits >>> 0)), ...more);

export const addressCases = (enable: (...more: readonly Mutation[]) => Mutation, field: string): Mutation[] =>
  [1, 0x800, 0xfff, ...BEYOND, 0xff_ffff_f000n].map(value => enable(set(field, value)));
