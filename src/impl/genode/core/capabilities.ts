/** Kind of a kernel object that capabilities stand for. */
export type ObjectKind = 'session' | 'signal-context' | 'dataspace';

/** A kernel object; its index is its identity, which a server sees as the badge of a call. */
export interface KernelObject {
  readonly kind: ObjectKind;
  /** PD that made it, and pays one capability for it. */
  readonly owner: number;
  /** What it stands for, by the owner's own numbering. */
  readonly value: number;
  readonly isAlive: boolean;
}

/** Objects and the references to them of one Genode instance. Identities are never used twice. */
export interface Capabilities {
  readonly objects: readonly KernelObject[];
  /** By PD: identities that the PD's capability ids stand for; id 0 is the invalid capability. */
  readonly spaces: readonly (readonly (number | undefined)[])[];
}

/** Id of a capability in a PD's space. */
export type CapId = number;
export const INVALID_CAP: CapId = 0;

/** Leaf decisions of capability spaces; a seeded fault replaces one of them. */
export interface CapabilityOps {
  /** True if an object can still be reached. */
  isReachable(object: KernelObject): boolean;
  /** Id of a reference that the PD holds already, undefined to make a new one. */
  knownReference(space: readonly (number | undefined)[], identity: number): CapId | undefined;
}

export const capabilityOps: CapabilityOps = {
  isReachable: object => object.isAlive,
  knownReference: (space, identity) => {
    const id = space.indexOf(identity);
    return id < 1 ? undefined : id;
  },
};

export const NO_CAPABILITIES: Capabilities = { objects: [], spaces: [] };

const spaceOf = (caps: Capabilities, pd: number): readonly (number | undefined)[] => caps.spaces[pd] ?? [undefined];

function withSpace(caps: Capabilities, pd: number, space: readonly (number | undefined)[]): Capabilities {
  const spaces = [...caps.spaces];
  while (spaces.length <= pd) spaces.push([undefined]);
  spaces[pd] = space;
  return { ...caps, spaces };
}

/** Makes an object; nobody refers to it yet. */
export function createObject(
  caps: Capabilities,
  kind: ObjectKind,
  owner: number,
  value: number,
): { readonly caps: Capabilities; readonly identity: number } {
  const object: KernelObject = { kind, owner, value, isAlive: true };
  return { caps: { ...caps, objects: [...caps.objects, object] }, identity: caps.objects.length };
}

/** Gives a PD a reference; the same object always has the same id in one PD (re-identification). */
export function insertReference(
  ops: CapabilityOps,
  caps: Capabilities,
  pd: number,
  identity: number,
): { readonly caps: Capabilities; readonly id: CapId } {
  const object = caps.objects[identity];
  if (object === undefined || !ops.isReachable(object)) return { caps, id: INVALID_CAP };
  const space = spaceOf(caps, pd);
  const known = ops.knownReference(space, identity);
  if (known !== undefined) return { caps, id: known };
  return { caps: withSpace(caps, pd, [...space, identity]), id: space.length };
}

/** Identity that a PD's capability stands for; undefined for an id that it does not have or whose object is gone. */
export function lookup(ops: CapabilityOps, caps: Capabilities, pd: number, id: CapId): number | undefined {
  const identity = spaceOf(caps, pd)[id];
  if (identity === undefined) return undefined;
  return ops.isReachable(caps.objects[identity]!) ? identity : undefined;
}

/** Hands a reference of one PD to another; an id that the sender does not have arrives as the invalid capability. */
export function delegate(
  ops: CapabilityOps,
  caps: Capabilities,
  from: number,
  id: CapId,
  to: number,
): { readonly caps: Capabilities; readonly id: CapId } {
  const identity = lookup(ops, caps, from, id);
  return identity === undefined ? { caps, id: INVALID_CAP } : insertReference(ops, caps, to, identity);
}

/** Drops a reference. */
export function dropReference(caps: Capabilities, pd: number, id: CapId): Capabilities {
  const space = spaceOf(caps, pd);
  if (id < 1 || space[id] === undefined) return caps;
  return withSpace(
    caps,
    pd,
    space.map((identity, index) => (index === id ? undefined : identity)),
  );
}

/** Destroys an object: every reference to it is invalid from now on. */
export function destroyObject(caps: Capabilities, identity: number): Capabilities {
  const objects = caps.objects.map((object, index) => (index === identity ? { ...object, isAlive: false } : object));
  return { ...caps, objects };
}

/** A PD ends: its references and the objects that it made are gone. */
export function destroySpace(caps: Capabilities, pd: number): Capabilities {
  const objects = caps.objects.map(object => (object.owner === pd ? { ...object, isAlive: false } : object));
  return withSpace({ ...caps, objects }, pd, [undefined]);
}
