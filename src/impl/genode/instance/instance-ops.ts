/** Decisions of core and init in a running instance; a seeded fault replaces one of them. */
export interface InstanceOps {
  /** Label of a session at its server: the one that the inits on the way made of what the client asked for. */
  serverLabel(scoped: string, asked: string): string;
  /** Bytes that an account gets back for RAM of so many bytes that is freed. */
  freedBytes(costBytes: number): number;
  /** True if a child stands for a node of its name, whose version is the same or is not. */
  isSameChild(isSameVersion: boolean): boolean;
  /** True if a child may not go on as it is: a session of its would go elsewhere, or nowhere, or its server ends. */
  mayNotGoOn(isRerouted: boolean): boolean;
  /** True if a child whose sessions led nowhere waits on, given that one still does. */
  staysStuck(leadsNowhere: boolean): boolean;
  /** True if a child that skipped so many heartbeats starts anew. */
  startsAnew(skipped: number, allowed: number): boolean;
  /** True if nobody reaches memory that was freed. */
  revokesFreed(): boolean;
}

export const instanceOps: InstanceOps = {
  serverLabel: scoped => scoped,
  freedBytes: costBytes => costBytes,
  isSameChild: isSameVersion => isSameVersion,
  mayNotGoOn: isRerouted => isRerouted,
  staysStuck: leadsNowhere => leadsNowhere,
  startsAnew: (skipped, allowed) => skipped >= allowed,
  revokesFreed: () => true,
};
