import type { Property } from '../engine/property.ts';
import type { InternalError } from '../engine/task-queue.ts';
import { groupDigits, layoutTable } from '../trace/text.ts';
import type { ContextSpec } from './context.ts';
import type { Session } from './session.ts';

/** An unmutated system and the properties that run its kernel. */
export interface ControlTarget {
  readonly path: string;
  readonly spec: ContextSpec;
  readonly properties: readonly Property[];
}

/** What one property did on one system. */
export interface ControlRow {
  readonly path: string;
  readonly property: string;
  seeds: number;
  runs: number;
  steps: number;
  refuted: number;
}

export interface ControlCampaign {
  readonly rows: readonly ControlRow[];
  /** Kernel steps, from exit to entry, of all rows. */
  readonly steps: number;
  readonly refuted: readonly string[];
  readonly errors: readonly InternalError[];
  readonly stopped: string;
}

/**
 * Runs unmutated systems with seed after seed until so many kernel steps were made: every refutation is a false alarm.
 *
 * @param wanted kernel steps; the seed at hand is finished on all systems.
 */
export async function runControl(
  targets: readonly ControlTarget[],
  wanted: number,
  session: Session,
): Promise<ControlCampaign> {
  const rows = targets.flatMap(({ path, properties }) =>
    properties.map(({ id }): ControlRow => ({ path, property: id, seeds: 0, runs: 0, steps: 0, refuted: 0 })),
  );
  const refuted: string[] = [];
  const errors: InternalError[] = [];
  let steps = 0;
  let before = -1;
  for (let extra = 0; steps < wanted && steps > before && session.stopped === ''; extra++) {
    before = steps;
    for (const { path, spec, properties } of targets) {
      const seed = (spec.seed + extra) >>> 0;
      const label = `${groupDigits(steps)} of ${groupDigits(wanted)} kernel steps, seed ${seed}: `;
      const result = await session.check({ ...spec, seed }, properties, label);
      errors.push(...result.errors);
      for (const verdict of result.properties) {
        const row = rows.find(candidate => candidate.path === path && candidate.property === verdict.id);
        if (row === undefined || verdict.verdict === 'not-applicable') continue;
        row.seeds += 1;
        row.runs += verdict.runs;
        row.steps += verdict.steps;
        steps += verdict.steps;
        if (verdict.verdict !== 'refuted') continue;
        row.refuted += 1;
        refuted.push(`${verdict.id} on ${path} with seed ${seed}: ${verdict.reason}`);
      }
    }
  }
  return { rows: rows.filter(row => row.seeds > 0), steps, refuted, errors, stopped: session.stopped };
}

export function controlText({ rows, steps, refuted }: ControlCampaign): string {
  const cells = rows.map(row => [
    row.path,
    row.property,
    String(row.seeds),
    groupDigits(row.runs),
    groupDigits(row.steps),
    String(row.refuted),
  ]);
  const header = ['system', 'property', 'seeds', 'runs', 'kernel steps', 'false alarms'];
  const table = layoutTable([header, ...cells], { right: [2, 3, 4, 5] });
  return `${[...table, '', `false alarms ${refuted.length} in ${groupDigits(steps)} kernel steps`].join('\n')}\n`;
}
