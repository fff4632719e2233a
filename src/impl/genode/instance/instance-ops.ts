/** Decisions of core and init in a running instance; a seeded fault replaces one of them. */
export interface InstanceOps {
  /** Label of a session at its server: the one that the inits on the way made of what the client asked for. */
  serverLabel(scoped: string, asked: string): string;
  /** Bytes that an account gets back for RAM of so many bytes that is freed. */
  freedBytes(costBytes: number): number;
  /** True if nobody reaches memory that was freed. */
  revokesFreed(): boolean;
}

export const instanceOps: InstanceOps = {
  serverLabel: scoped => scoped,
  freedBytes: costBytes => costBytes,
  revokesFreed: () => true,
};
