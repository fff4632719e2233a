import type { System } from '../impl/system.ts';
import type { CompiledMachine } from '../model/compile.ts';
import { createLogProxy } from '../model/log-proxy.model.ts';
import type { LogProxyEvent, LogProxyState } from '../model/log-proxy-state.ts';
import { defined } from '../units/invariant.ts';
import { EpochTable } from './relation/channel.ts';
import { logProxyConfig } from './relation/log-proxy.ts';

type Machine = CompiledMachine<LogProxyState, LogProxyEvent>;

/** The model of one pair of proxies, compiled. */
interface LogProxyModel {
  readonly client: Machine;
  readonly hardware: Machine;
  readonly server: Machine;
  initial(): LogProxyState;
}

const models = new Map<string, LogProxyModel>();

function modelOf(labels: readonly string[], capacity: number, elements: number): LogProxyModel {
  const key = JSON.stringify([labels, capacity, elements]);
  const known = models.get(key);
  if (known !== undefined) return known;
  const { schema, parties } = createLogProxy(logProxyConfig(labels, capacity, elements));
  const compiled = (index: number): Machine => defined(parties[index], 'party of the LOG proxy model').compiled;
  const model: LogProxyModel = {
    client: compiled(0),
    hardware: compiled(1),
    server: compiled(2),
    initial: () => schema.initial(),
  };
  models.set(key, model);
  return model;
}

type PartyName = 'client' | 'hardware' | 'server';

/** The model of a pair of proxies beside a run: its state, the mode of each party, and what was found. */
export class LogProxyWorld {
  readonly system: System;
  readonly labels: readonly string[];
  readonly state: LogProxyState;
  /** Values of the channel's epochs; the model's epoch 1 is the inactive channel before the first initialisation. */
  readonly epochs = new EpochTable();
  readonly unspecified: Record<string, number> = {};
  /** Empty while implementation and model agree. */
  difference = '';
  readonly #model: LogProxyModel;
  readonly #modes: Record<PartyName, number>;

  constructor(system: System, labels: readonly string[], capacity: number, elements: number) {
    this.system = system;
    this.labels = labels;
    this.#model = modelOf(labels, capacity, elements);
    this.state = this.#model.initial();
    const { client, hardware, server } = this.#model;
    this.#modes = { client: client.initialMode, hardware: hardware.initialMode, server: server.initialMode };
    this.epochs.add({ low: 0, high: 0 });
  }

  /** Leaf path of a party's mode. */
  mode(party: PartyName): string {
    return this.#model[party].modes[this.#modes[party]]!;
  }

  /** Puts a party into a mode where the model leaves open how it got there. */
  force(party: PartyName, mode: string): void {
    this.#modes[party] = this.#model[party].modeIndex(mode);
  }

  /** Takes a step of the model; false if none is enabled. */
  step(party: PartyName, event: LogProxyEvent): boolean {
    const next = this.#model[party].step(this.#modes[party], this.state, event);
    if (next < 0) return false;
    this.#modes[party] = next;
    return true;
  }

  /** The server as it starts. */
  initialServer(): LogProxyState['server'] {
    return this.#model.initial().server;
  }

  /** Notes the first difference. */
  differ(what: string): void {
    if (this.difference === '') this.difference = what;
  }

  leaveOpen(reason: string): void {
    this.unspecified[reason] = (this.unspecified[reason] ?? 0) + 1;
  }

  /** The kernel has handled the client's vmcall. */
  deliver(): void {
    if (this.state.doorbell) this.step('hardware', { type: 'deliver' });
  }

  /** The server notices an event that is under way: handled, injected, and its signal set. */
  notice(): boolean {
    this.deliver();
    if (this.mode('hardware') === 'pending') this.step('hardware', { type: 'inject-vector' });
    return this.state.signal;
  }
}
