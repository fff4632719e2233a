import { isDeepStrictEqual } from 'node:util';
import type { Fault } from '../../src/faults/fault.ts';
import { Campaign } from '../../src/fuzz/campaign.ts';
import type { FuzzInput, Strategy } from '../../src/fuzz/fuzz-input.ts';
import type { Execution, FuzzTarget } from '../../src/fuzz/fuzz-target.ts';
import { systemDigest } from '../../src/impl/create-system.ts';
import { defaultSeams } from '../../src/impl/seams.ts';
import { TARGET_OF, targetOf } from './executions-to-kill.ts';
import { TouchRecorder } from './touch-recorder.ts';

const NOTHING: Execution = { features: [], kernelSteps: 0, exits: [], recorded: [], failure: '' };

/** State of a system that has executed nothing yet. */
function startOf({ bench: { system } }: FuzzTarget): object {
  const { cpus, platform, ioApic, iommus, ports } = system.snapshot();
  return { digest: systemDigest(system), cpus, platform, ioApic, iommus, ports };
}

/** A faulty system beside the faultless one. */
interface FaultySystem {
  readonly target: FuzzTarget;
  /** The two differ from the start on, so that every execution must be tried. */
  readonly isDifferent: boolean;
}

/** A fault that a campaign looks for. */
export interface SoughtFault {
  readonly fault: Fault;
  /** Executions of the campaign that are known not to find it. */
  readonly from: number;
}

/** Finds the executions of one campaign that find faults. */
export type OnFound = (fault: Fault, executions: number, what: string) => void;

/**
 * Executions until each of many faults is found, by one campaign on the faultless system.
 *
 * Every execution starts from the same snapshot, so that an execution in which a fault makes no difference on the faultless system goes
 * the same way on the faulty one, which then need not execute it. What a guided strategy learns is what the faultless system shows.
 */
export class TouchedExecutions {
  readonly #scenario: string;
  readonly #faults: readonly Fault[];
  readonly #recorder: TouchRecorder;
  readonly #faultless: FuzzTarget;
  readonly #start: object;
  readonly #faulty = new Map<string, FaultySystem>();
  /** Executions of both kinds of systems so far. */
  readonly count = { faultless: 0, faulty: 0 };

  constructor(scenario: string, faults: readonly Fault[]) {
    this.#scenario = scenario;
    this.#faults = faults;
    this.#recorder = new TouchRecorder(faults);
    this.#faultless = targetOf(scenario, this.#recorder.seams);
    this.#start = startOf(this.#faultless);
  }

  search(strategy: Strategy, seed: number): Search {
    return new Search(this, new Campaign({ target: TARGET_OF[strategy], strategy, seed }, this.#faultless.attackers));
  }

  faultyOf(fault: Fault): FaultySystem {
    const known = this.#faulty.get(fault.id);
    if (known !== undefined) return known;
    const target = targetOf(this.#scenario, fault.apply(defaultSeams));
    const isDifferent = !isDeepStrictEqual(startOf(target), this.#start);
    const created = { target, isDifferent };
    this.#faulty.set(fault.id, created);
    return created;
  }

  /** Executes an input without faults, noting which of them it touches. */
  record(input: FuzzInput): Execution {
    this.#recorder.begin();
    this.count.faultless += 1;
    const execution = this.#faultless.executeOnce(input);
    if (execution.failure !== '')
      throw new Error(`the system without faults fails: ${execution.failure}\n${JSON.stringify(input)}`);
    return execution;
  }

  /** What goes wrong with a fault in the execution recorded last; empty if nothing does. */
  failureOf(fault: Fault, input: FuzzInput): string {
    const { target, isDifferent } = this.faultyOf(fault);
    if (!isDifferent && !this.#recorder.isTouched(this.#faults.indexOf(fault))) return '';
    this.count.faulty += 1;
    return target.executeOnce(input).failure;
  }
}

/** A campaign that can go on where it stopped. */
export class Search {
  readonly #executions: TouchedExecutions;
  readonly #campaign: Campaign;
  /** Inputs of the round under way that were not executed yet. */
  #inputs: readonly FuzzInput[] = [];

  constructor(executions: TouchedExecutions, campaign: Campaign) {
    this.#executions = executions;
    this.#campaign = campaign;
  }

  /** Runs the campaign until every fault is found or `cap` executions are done. */
  run(sought: readonly SoughtFault[], cap: number, onFound: OnFound): void {
    const campaign = this.#campaign;
    let open = sought;
    while (open.length > 0 && campaign.executions < cap) {
      if (this.#inputs.length === 0) this.#inputs = campaign.nextRound();
      const [input, ...rest] = this.#inputs as readonly [FuzzInput, ...FuzzInput[]];
      this.#inputs = rest;
      const found = this.#executeNext(input, open);
      for (const [fault, what] of found) onFound(fault, campaign.executions, what);
      if (found.size > 0) open = open.filter(({ fault }) => !found.has(fault));
    }
  }

  #executeNext(input: FuzzInput, open: readonly SoughtFault[]): ReadonlyMap<Fault, string> {
    const campaign = this.#campaign;
    const due = open.filter(({ from }) => campaign.executions >= from).map(({ fault }) => fault);
    const isRecorded = campaign.hasFeedback || due.some(fault => !this.#executions.faultyOf(fault).isDifferent);
    campaign.merge(input, isRecorded ? this.#executions.record(input) : NOTHING);
    const failures = due.map(fault => [fault, this.#executions.failureOf(fault, input)] as const);
    return new Map(failures.filter(([, what]) => what !== ''));
  }
}
