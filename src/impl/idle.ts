import type { Operation } from '../units/operation.ts';
import type { HostedSoftware } from './hosted.ts';

/** Software that repeats a fixed list of operations; its state is the number of operations issued. */
export function loopSoftware(
  name: string,
  prologue: readonly Operation[],
  loop: readonly Operation[],
): HostedSoftware<number> {
  const nop: Operation = { kind: 'nop' };
  const at = (position: number): Operation | undefined =>
    position < prologue.length ? prologue[position] : loop[(position - prologue.length) % loop.length];
  return { name, initial: 0, next: state => ({ state: state + 1, operation: at(state) ?? nop }) };
}

export interface IdleConfig {
  /** vmcall event raised once per round; undefined for none. */
  readonly event: number | undefined;
  /** No-operations per round. */
  readonly pauses: number;
  /** True to halt at the end of each round until an interrupt arrives. */
  readonly halts: boolean;
}

/** Software without work of its own: raises an event if it has one, passes time, halts. */
export function idleSoftware(config: IdleConfig): HostedSoftware<number> {
  const event: Operation[] = config.event === undefined ? [] : [{ kind: 'vmcall', low: config.event, high: 0, cpl: 0 }];
  const pauses = Array.from({ length: config.pauses }, (): Operation => ({ kind: 'nop' }));
  const halt: Operation[] = config.halts ? [{ kind: 'hlt' }] : [];
  return loopSoftware('idle', [{ kind: 'sti' }], [...event, ...pauses, ...halt]);
}

/** Software of a monitored guest: executes RDTSC, which its monitor handles, and then some no-operations. */
export function guestProbeSoftware(pauses: number): HostedSoftware<number> {
  const rest = Array.from({ length: pauses }, (): Operation => ({ kind: 'nop' }));
  return loopSoftware('guest-probe', [], [{ kind: 'rdtsc' }, ...rest]);
}

export interface MajorFrameChooserConfig {
  /** Virtual address of the page in which tau0 names the next major frame. */
  readonly address: number;
  /** Major frames of the plan, at least 1. */
  readonly majorFrames: number;
  /** No-operations between two choices. */
  readonly pauses: number;
}

/** Software of tau0 that asks for all major frames in turn. */
export function majorFrameChooserSoftware(config: MajorFrameChooserConfig): HostedSoftware<number> {
  const pauses = Array.from({ length: config.pauses }, (): Operation => ({ kind: 'nop' }));
  const choices = Array.from({ length: config.majorFrames }, (_, frame): Operation[] => {
    const id = (frame + 1) % config.majorFrames;
    return [{ kind: 'write', address: config.address, sizeBytes: 8, low: id, high: 0 }, ...pauses];
  });
  return loopSoftware('major-frame-chooser', [], choices.flat());
}
