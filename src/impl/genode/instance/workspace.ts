import { defined } from '../../../units/invariant.ts';
import { replenish, withdraw } from '../core/accounts.ts';
import { createObject, delegate, destroyObject, insertReference, lookup } from '../core/capabilities.ts';
import { type GenodeOps, sessionOpsOf } from '../core/genode-ops.ts';
import { type ParentState, type Quota, startChild } from '../core/parent.ts';
import { allocatePages, PAGE_BYTES, releasePages, wholePages } from '../core/ram.ts';
import { attach, createRegionMap, resolve, revoke } from '../core/region-map.ts';
import { submitSignal } from '../core/signals.ts';
import type { RpcValue } from '../proxy/values.ts';
import { createStreamEnd } from '../services/stream-end.ts';
import { streamLayout } from '../services/stream-use.ts';
import type { ComponentEvent } from './component.ts';
import { type Guest, numberAt } from './guest.ts';
import type { Component, Dataspace, InitBooks, InstanceState, OpenSession } from './state.ts';
import { SCHEDULING_INFO_ADDRESS } from './subject-info.ts';

/** Size of a component's address space. */
const ADDRESS_SPACE_BYTES = 2 ** 47;

/** True for two hints of the same thing, of which one is enough. */
function saysTheSame(a: ComponentEvent, b: ComponentEvent): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind === 'wake' || a.kind === 'heartbeat') return true;
  if (a.kind === 'packets' && b.kind === 'packets') return a.handle === b.handle;
  if (a.kind === 'clientPackets' && b.kind === 'clientPackets') return a.session === b.session;
  if (a.kind === 'interrupt' && b.kind === 'interrupt') return a.vector === b.vector;
  return a.kind === 'vector' && b.kind === 'vector' && a.name === b.name;
}

/** Core's own number. */
export const CORE = 0;

/**
 * The instance while one handler runs: what core does for components, by replacing the state. It is thrown away and made
 * again whenever the handler is run again, so that only complete handlers have an effect.
 */
export class Workspace {
  readonly ops: GenodeOps;
  readonly guest: Guest;
  state: InstanceState;

  constructor(ops: GenodeOps, state: InstanceState, guest: Guest) {
    this.ops = ops;
    this.state = state;
    this.guest = guest;
  }

  change(changes: Partial<InstanceState>): void {
    this.state = { ...this.state, ...changes };
  }

  component(id: number): Component {
    return defined(this.state.components[id], `component ${id}`);
  }

  changeComponent(id: number, changes: Partial<Component>): void {
    this.change({
      components: this.state.components.map((old, index) => (index === id ? { ...old, ...changes } : old)),
    });
  }

  changeSession(id: number, changes: Partial<OpenSession>): void {
    this.change({ sessions: this.state.sessions.map((old, index) => (index === id ? { ...old, ...changes } : old)) });
  }

  /** Appends an event to a component's queue. Events that say nothing new while one of them waits are coalesced. */
  post(id: number, event: ComponentEvent): void {
    const component = this.component(id);
    if (!component.isAlive) return;
    if (component.events.some(known => saysTheSame(known, event))) return;
    this.changeComponent(id, { events: [...component.events, event] });
  }

  /** Puts a call of a component behind those that it has not sent yet. */
  callOf(id: number, handle: number, name: string, ...values: RpcValue[]): void {
    const { calls, handles } = this.component(id);
    const session = handles[handle];
    const functions = session === undefined ? [] : (this.state.sessions[session]?.face.functions ?? []);
    const opcode = functions.findIndex(row => row.name === name);
    this.changeComponent(id, { calls: [...calls, { handle, opcode, values }] });
  }

  /** Time since the instance started, by the start of the present minor frame: never ahead of the true time. */
  nowUs(): number {
    const { info, startTsc } = this.state;
    const tsc = numberAt(this.guest.read(SCHEDULING_INFO_ADDRESS, 8), 0, 8);
    const khz = info?.tscKhz ?? 0;
    return khz === 0 ? 0 : Math.max(0, Math.floor(((tsc - startTsc) * 1000) / khz));
  }

  /** State of an init as its session protocol sees it, with the accounts of the whole instance. */
  parent(init: number): ParentState {
    const books = defined(this.state.books.get(init), `books of init ${init}`);
    return { ...books, ram: this.state.ram, caps: this.state.caps };
  }

  setParent(init: number, { ram, caps, own, children, sessions }: ParentState): void {
    const books: InitBooks = { own, children, sessions };
    this.change({ ram, caps, books: new Map(this.state.books).set(init, books) });
  }

  /** Gives a new child of an init its quota; its number there, -1 if the init has not so much. */
  fund(init: number, quota: Quota): number {
    const funded = startChild(sessionOpsOf(this.ops), this.parent(init), quota);
    if (funded === undefined) return -1;
    this.setParent(init, funded);
    return funded.children.length - 1;
  }

  #accounts(pd: number): { readonly ram: number; readonly caps: number } {
    const { init, child } = this.component(pd);
    if (init < 0) return defined(this.state.books.get(CORE), 'books of core').own;
    return defined(this.state.books.get(init)?.children[child], `accounts of component ${pd}`);
  }

  /** Allocates cleared RAM on the account of a PD; its capability, undefined if RAM, caps or pages are short. */
  allocateRam(pd: number, sizeBytes: number): number | undefined {
    const costBytes = wholePages(sizeBytes);
    const accounts = this.#accounts(pd);
    const { account } = this.ops;
    const ram = withdraw(account, this.state.ram, accounts.ram, costBytes);
    const caps = withdraw(account, this.state.caps, accounts.caps, 1);
    const pages = allocatePages(this.state.free, sizeBytes);
    if (!ram.isDone || !caps.isDone || pages === undefined) return undefined;
    this.change({ ram: ram.accounts, caps: caps.accounts, free: pages.free });
    this.guest.write(pages.range.address, new Uint8Array(costBytes));
    return this.#addDataspace({
      owner: pd,
      address: pages.range.address,
      sizeBytes: costBytes,
      costBytes,
      isWritable: true,
      regionMap: undefined,
    });
  }

  /** A dataspace for a region of the subject information, core's own. */
  regionDataspace(address: number, sizeBytes: number, isWritable: boolean): number {
    return this.#addDataspace({ owner: CORE, address, sizeBytes, costBytes: 0, isWritable, regionMap: undefined });
  }

  #addDataspace(given: Omit<Dataspace, 'isAlive' | 'isExecutable'>): number {
    const { dataspaces } = this.state;
    const { owner } = given;
    const made = createObject(this.state.capabilities, 'dataspace', owner, dataspaces.length);
    const referred = insertReference(this.ops.capability, made.caps, owner, made.identity);
    // RAM, and what is put together from it, may be attached as code (Genode core); registers of devices may not.
    const isExecutable = given.costBytes > 0 || given.regionMap !== undefined;
    this.change({
      capabilities: referred.caps,
      dataspaces: [...dataspaces, { ...given, isExecutable, isAlive: true }],
    });
    return referred.id;
  }

  /** Number of the dataspace that a PD's capability stands for, undefined if it stands for none that lives. */
  dataspaceOf(pd: number, cap: number): number | undefined {
    const identity = lookup(this.ops.capability, this.state.capabilities, pd, cap);
    const object = identity === undefined ? undefined : this.state.capabilities.objects[identity];
    return object?.kind === 'dataspace' ? object.value : undefined;
  }

  /** Number of the session or object that a PD's capability stands for, undefined if it stands for none that lives. */
  sessionOf(pd: number, cap: number): number | undefined {
    const identity = lookup(this.ops.capability, this.state.capabilities, pd, cap);
    const object = identity === undefined ? undefined : this.state.capabilities.objects[identity];
    return object?.kind === 'session' ? object.value : undefined;
  }

  /** A PD's capability of a dataspace, by its number. */
  capOfDataspace(pd: number, index: number): number {
    const { objects } = this.state.capabilities;
    const identity = objects.findIndex(row => row.isAlive && row.kind === 'dataspace' && row.value === index);
    const referred = insertReference(this.ops.capability, this.state.capabilities, pd, identity);
    this.change({ capabilities: referred.caps });
    return referred.id;
  }

  /** Frees RAM: only its owner may. Nobody reaches it any longer. */
  freeRam(pd: number, cap: number): void {
    const identity = lookup(this.ops.capability, this.state.capabilities, pd, cap);
    const index = this.dataspaceOf(pd, cap);
    const dataspace = index === undefined ? undefined : this.state.dataspaces[index];
    if (identity === undefined || dataspace === undefined || dataspace.owner !== pd) return;
    this.dropDataspace(index!, identity);
  }

  dropDataspace(index: number, identity: number): void {
    const { address, costBytes, sizeBytes, owner } = this.state.dataspaces[index]!;
    const accounts = this.#accounts(owner);
    this.change({
      capabilities: destroyObject(this.state.capabilities, identity),
      dataspaces: this.state.dataspaces.map((old, place) => (place === index ? { ...old, isAlive: false } : old)),
      maps: this.ops.instance.revokesFreed()
        ? new Map([...this.state.maps].map(([key, map]) => [key, revoke(map, index)]))
        : this.state.maps,
      ram: replenish(this.state.ram, accounts.ram, this.ops.instance.freedBytes(costBytes)),
      caps: costBytes === 0 ? this.state.caps : replenish(this.state.caps, accounts.caps, 1),
      free: costBytes === 0 ? this.state.free : releasePages(this.state.free, { address: address!, sizeBytes }),
    });
  }

  sizeOf(pd: number, cap: number): number {
    const index = this.dataspaceOf(pd, cap);
    return index === undefined ? 0 : this.state.dataspaces[index]!.sizeBytes;
  }

  /** Guest-physical address of a place in a dataspace as the PD may access it; it is attached at the first access. */
  #place(pd: number, cap: number, offset: number, sizeBytes: number, access: 'READ' | 'WRITE'): number | undefined {
    const index = this.dataspaceOf(pd, cap);
    const facts = index === undefined ? undefined : this.state.dataspaces[index];
    if (index === undefined || facts === undefined || offset < 0 || offset + sizeBytes > facts.sizeBytes)
      return undefined;
    let space = this.state.maps.get(pd) ?? createRegionMap(ADDRESS_SPACE_BYTES);
    if (!space.regions.some(({ dataspace }) => dataspace === index)) {
      const attributes = { sizeBytes: 0, offset: 0, useAt: false, at: 0, executable: false, writeable: true };
      space = attach(space, index, facts, attributes).map;
    }
    const maps = new Map(this.state.maps).set(pd, space);
    this.change({ maps });
    const region = space.regions.find(({ dataspace }) => dataspace === index);
    if (region === undefined) return undefined;
    return resolve(maps, this.state.dataspaces, pd, region.at + offset, access);
  }

  /** Pieces of a range that lie in one page each, where what is behind may be put together from several dataspaces. */
  #pieces(pd: number, cap: number, offset: number, sizeBytes: number): readonly (readonly [number, number])[] {
    const index = this.dataspaceOf(pd, cap);
    const isManaged = index !== undefined && this.state.dataspaces[index]!.regionMap !== undefined;
    if (!isManaged) return [[offset, sizeBytes]];
    const pieces: [number, number][] = [];
    for (let at = offset; at < offset + sizeBytes; ) {
      const end = Math.min(offset + sizeBytes, (Math.floor(at / PAGE_BYTES) + 1) * PAGE_BYTES);
      pieces.push([at, end - at]);
      at = end;
    }
    return pieces;
  }

  /** A PD's address space is gone: it has nothing attached. */
  endAddressSpace(pd: number): void {
    const maps = new Map(this.state.maps);
    maps.delete(pd);
    this.change({ maps });
  }

  /** Reads shared memory; what a PD cannot reach reads as zero, as the page that core would map for a fault handler. */
  read(pd: number, cap: number, offset: number, sizeBytes: number): Uint8Array {
    const bytes = new Uint8Array(sizeBytes);
    for (const [at, count] of this.#pieces(pd, cap, offset, sizeBytes)) {
      const address = this.#place(pd, cap, at, count, 'READ');
      if (address !== undefined) bytes.set(this.guest.read(address, count), at - offset);
    }
    return bytes;
  }

  /** Writes shared memory; without effect where the PD may not. */
  write(pd: number, cap: number, offset: number, bytes: Uint8Array): void {
    for (const [at, count] of this.#pieces(pd, cap, offset, bytes.length)) {
      const address = this.#place(pd, cap, at, count, 'WRITE');
      if (address !== undefined) this.guest.write(address, bytes.subarray(at - offset, at - offset + count));
    }
  }

  /** A dataspace that stands for an address space, core's own. */
  managedDataspace(regionMap: number, sizeBytes: number): number {
    return this.#addDataspace({
      owner: CORE,
      address: undefined,
      sizeBytes,
      costBytes: 0,
      isWritable: true,
      regionMap,
    });
  }

  /** Hands a capability from one PD to another: its id there, 0 if it was invalid. */
  delegate(from: number, cap: number, to: number): number {
    const done = delegate(this.ops.capability, this.state.capabilities, from, cap, to);
    this.change({ capabilities: done.caps });
    return done.id;
  }

  /** Identity that a PD's capability stands for. */
  identityOf(pd: number, cap: number): number | undefined {
    return lookup(this.ops.capability, this.state.capabilities, pd, cap);
  }

  /** Gives a client its side of a packet stream, whose dataspace it got by `tx_cap` or `rx_cap`. */
  addClientStream(client: number, handle: number, name: 'tx' | 'rx', { face, label }: OpenSession, cap: number): void {
    const direction = face.streams.find(stream => stream.name === name);
    const totalBytes = this.sizeOf(client, cap);
    if (direction === undefined || totalBytes === 0) return;
    const layout = streamLayout(direction, totalBytes);
    const end = createStreamEnd(direction.source === 'client' ? 'source' : 'sink', layout);
    const { streams } = this.component(client);
    const known = streams.get(handle) ?? { face, label, streams: {} };
    // Asked for again it is the same channel, with what is in it.
    if (known.streams[name]?.dataspace === cap) return;
    const next = { ...known, streams: { ...known.streams, [name]: { dataspace: cap, layout, end } } };
    this.changeComponent(client, { streams: new Map(streams).set(handle, next) });
  }

  /** Submits to the signal context behind a capability of the PD; without effect on any other. */
  submit(pd: number, cap: number): void {
    const identity = lookup(this.ops.capability, this.state.capabilities, pd, cap);
    const object = identity === undefined ? undefined : this.state.capabilities.objects[identity];
    if (object?.kind !== 'signal-context') return;
    this.change({ signals: submitSignal(this.ops.signal, this.state.signals, object.value, 1).signals });
  }
}
