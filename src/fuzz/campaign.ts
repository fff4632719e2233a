import { createRng, deriveSeed } from '../units/rng.ts';
import type { CampaignState } from './corpus-files.ts';
import type { ExitInput, FuzzInput, FuzzTargetName, Strategy } from './fuzz-input.ts';
import type { Attacker, Execution } from './fuzz-target.ts';
import { freshInput, mutate, randomSurroundings, sweepInputs } from './mutate.ts';

/** Executions of one round: their inputs depend on the corpus at its start, so that the number of jobs changes nothing. */
export const ROUND_EXECUTIONS = 64;
/** Recorded exits that are kept as material. */
const MAX_MATERIAL = 512;

/** What decides a campaign: equal settings give an equal corpus and equal findings. */
export interface CampaignSettings {
  readonly target: FuzzTargetName;
  readonly strategy: Strategy;
  readonly seed: number;
}

/** An input that reached something new. */
export interface CorpusEntry {
  /** Execution that found it. */
  readonly execution: number;
  readonly input: FuzzInput;
  /** Features that it reached first. */
  readonly newFeatures: number;
}

/** Failures of one kind. */
export interface FindingGroup {
  readonly group: string;
  readonly what: string;
  readonly execution: number;
  readonly input: FuzzInput;
  count: number;
}

/** Name of a group: what failed, without numbers and subjects. */
export const groupOf = (what: string): string =>
  what
    .replace(/ of [A-Za-z0-9_]+/g, ' of subject')
    .replace(/0x[0-9a-f]+|[0-9]+/g, 'N')
    .replace(/[^A-Za-z]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 80);

/** State of a campaign between two rounds. */
export class Campaign {
  readonly settings: CampaignSettings;
  readonly corpus: CorpusEntry[] = [];
  readonly findings = new Map<string, FindingGroup>();
  /** Exits of the subjects under test by subject and basic reason. */
  readonly exits = new Map<string, Map<number, number>>();
  executions = 0;
  kernelSteps = 0;
  readonly #seen = new Set<number>();
  readonly #material: ExitInput[] = [];
  readonly #attackers: readonly Attacker[];
  /** What the campaign executes first. */
  readonly #sweep: readonly FuzzInput[];

  constructor(settings: CampaignSettings, attackers: readonly Attacker[]) {
    this.settings = settings;
    this.#attackers = attackers;
    const isSwept = settings.target === 'guest' && settings.strategy === 'coverage-guided';
    this.#sweep = isSwept ? sweepInputs(attackers) : [];
  }

  get features(): number {
    return this.#seen.size;
  }

  get hasFeedback(): boolean {
    return this.settings.strategy === 'coverage-guided' || this.settings.strategy === 'recorded';
  }

  /** Exits of one reason, of one subject or of all. */
  exitsOf(reason: number, subject?: string): number {
    const counts = subject === undefined ? [...this.exits.values()] : [this.exits.get(subject)];
    return counts.reduce((sum, row) => sum + (row?.get(reason) ?? 0), 0);
  }

  #count(subject: string, reason: number, count: number): void {
    const own = this.exits.get(subject) ?? new Map<number, number>();
    own.set(reason, (own.get(reason) ?? 0) + count);
    this.exits.set(subject, own);
  }

  /** Inputs of the next round. */
  nextRound(): readonly FuzzInput[] {
    return Array.from({ length: ROUND_EXECUTIONS }, (_, index) => this.#candidate(this.executions + index));
  }

  #candidate(execution: number): FuzzInput {
    const { seed, target, strategy } = this.settings;
    // Every second input, so that what only takes the usual mixture is not found after the sweep alone.
    const swept = execution % 2 === 0 ? this.#sweep[execution / 2] : undefined;
    if (swept !== undefined) return swept;
    const rng = createRng(deriveSeed(seed, `${target} ${execution}`));
    const isFresh = !this.hasFeedback || this.corpus.length < 8 || rng.below(5) === 0;
    // Machine code of which exits are recorded.
    if (strategy === 'recorded' && rng.below(4) === 0) return freshInput(rng, this.#attackers, 'guest', 'structured');
    if (strategy === 'recorded' && this.#material.length > 0 && rng.below(3) === 0) return this.#fromMaterial(rng);
    if (isFresh) return freshInput(rng, this.#attackers, target, strategy);
    // Recent entries more often: they are what the campaign just learnt.
    const recent = rng.below(2) === 0 ? Math.max(0, this.corpus.length - 32) : 0;
    const base = this.corpus[recent + rng.below(this.corpus.length - recent)]!;
    const other = this.corpus[rng.below(this.corpus.length)]!;
    return mutate(rng, base.input, other.input, this.#attackers);
  }

  /** Recorded exits of any subject, in another one, changed. */
  #fromMaterial(rng: ReturnType<typeof createRng>): FuzzInput {
    const { subject } = this.#attackers[rng.below(this.#attackers.length)]!;
    const exits = Array.from({ length: 1 + rng.below(6) }, () => this.#material[rng.below(this.#material.length)]!);
    const recorded: FuzzInput = {
      kind: 'exits',
      subject,
      exits,
      around: randomSurroundings(rng, this.#attackers.length),
    };
    return mutate(rng, recorded, recorded, this.#attackers);
  }

  /** Takes over one execution, in order; what is new in it. */
  merge(input: FuzzInput, execution: Execution): { readonly entry?: CorpusEntry; readonly finding?: FindingGroup } {
    const number = this.executions;
    this.executions += 1;
    this.kernelSteps += execution.kernelSteps;
    for (const { subject, reason, count } of execution.exits) this.#count(subject, reason, count);
    let fresh = 0;
    for (const feature of execution.features) {
      if (this.#seen.has(feature)) continue;
      this.#seen.add(feature);
      fresh += 1;
    }
    const found: { entry?: CorpusEntry; finding?: FindingGroup } = {};
    if (fresh > 0) {
      found.entry = { execution: number, input, newFeatures: fresh };
      this.corpus.push(found.entry);
      for (const exit of execution.recorded) if (this.#material.length < MAX_MATERIAL) this.#material.push(exit);
    }
    if (execution.failure !== '') {
      const group = groupOf(execution.failure);
      const known = this.findings.get(group);
      if (known !== undefined) known.count += 1;
      else {
        found.finding = { group, what: execution.failure, execution: number, input, count: 1 };
        this.findings.set(group, found.finding);
      }
    }
    return found;
  }

  /** Goes on where an earlier process stopped. */
  resume(state: CampaignState): void {
    this.executions = state.executions;
    this.kernelSteps = state.kernelSteps;
    for (const { subject, reason, count } of state.exits) this.#count(subject, reason, count);
  }

  /** Takes a corpus entry of an earlier process back: executed again, it gives the same features. */
  adopt(entry: CorpusEntry, execution: Execution): void {
    for (const feature of execution.features) this.#seen.add(feature);
    this.corpus.push(entry);
    for (const exit of execution.recorded) if (this.#material.length < MAX_MATERIAL) this.#material.push(exit);
  }
}
