/** A child in one configuration: its version, and whether the session that it needs leads somewhere. */
export interface SpecNode {
  readonly version: number;
  readonly isRouted: boolean;
}

/** Configuration by the names of its children. */
export type SpecConfig = ReadonlyMap<string, SpecNode>;

/** Child that serves a session of another. */
export const SERVER = 'server';
export const CLIENT = 'client';

interface SpecChild {
  readonly version: number;
  /** It has the session that it needs. */
  readonly hasSession: boolean;
  readonly isStuck: boolean;
}

/** What an init must do: who lives after each configuration, and how often each child was started. */
export class SpecInit {
  #children = new Map<string, SpecChild>();
  readonly starts = new Map<string, number>();
  restarted = 0;
  stuck = 0;
  released = 0;

  /** True if the session that a child needs leads somewhere: that of the client to the server that is configured. */
  #leads(config: SpecConfig, name: string): boolean {
    return config.get(name)!.isRouted && (name !== CLIENT || config.has(SERVER));
  }

  #start(config: SpecConfig, name: string): void {
    const { version } = config.get(name)!;
    this.starts.set(name, (this.starts.get(name) ?? 0) + 1);
    this.#children.set(name, { version, hasSession: this.#leads(config, name), isStuck: false });
  }

  apply(config: SpecConfig): void {
    const before = this.#children;
    this.#children = new Map();
    let isServerNew = false;
    for (const [name, { version }] of config) {
      const known = before.get(name);
      const isKept = known !== undefined && known.version === version;
      const leads = this.#leads(config, name);
      const losesServer = name === CLIENT && isServerNew && known?.hasSession === true && !known.isStuck;
      if (isKept && !known.isStuck && known.hasSession && !leads) {
        this.#children.set(name, { ...known, isStuck: true });
        this.stuck += 1;
      } else if (isKept && known.isStuck && !leads) this.#children.set(name, known);
      else if (isKept && !known.isStuck && !losesServer) this.#children.set(name, known);
      else {
        if (known?.isStuck === true && isKept) this.released += 1;
        if (losesServer) this.restarted += 1;
        this.#start(config, name);
        if (name === SERVER) isServerNew = true;
      }
    }
  }

  /** Names of those that run, sorted. */
  get living(): readonly string[] {
    return [...this.#children].flatMap(([name, { isStuck }]) => (isStuck ? [] : [name])).sort();
  }
}
