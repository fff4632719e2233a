import { type GroupLiveness, groupLiveness } from '../explore/kernel-liveness.ts';
import { breadthFirst, type SearchOptions } from '../explore/search.ts';
import { compileModel } from '../explore/symbolic/packed-model.ts';
import { readModelSources } from '../host/model-sources.ts';
import { kernelModel } from '../model/kernel.model.ts';
import { groupDigits } from '../trace/text.ts';
import { printable } from '../units/printable.ts';
import { type ExploreTarget, targetInstance } from './explore-target.ts';

/** Liveness of one kernel, or why it is not decided. */
export interface LivenessReport {
  readonly name: string;
  readonly verdict: 'exhausted' | 'refuted' | 'inconclusive';
  readonly reason: string;
  readonly states: number;
  readonly groups: readonly GroupLiveness[];
}

/** Decides for a kernel or a policy whether every ready group runs again. */
export function livenessOf(name: string, target: ExploreTarget, options: SearchOptions): LivenessReport {
  const instance = targetInstance(target);
  const system = compileModel(instance, readModelSources(kernelModel.sources));
  const search = breadthFirst({ ...system, claims: [] }, options);
  const states = search.table.size;
  if (!search.complete) return { name, verdict: 'inconclusive', reason: search.reason, states, groups: [] };
  const groups = groupLiveness(instance, system, search);
  const isServed = groups.every(({ answer }) => answer.kind === 'served');
  return { name, verdict: isServed ? 'exhausted' : 'refuted', reason: '', states, groups };
}

/** Reports for a person. */
export function livenessText(reports: readonly LivenessReport[]): string {
  const lines = reports.flatMap(({ name, verdict, reason, states, groups }) => [
    name,
    `  ${verdict}${reason === '' ? '' : `: ${reason}`}: ${groupDigits(states)} states`,
    ...groups.flatMap(({ group, subjects, answer }) =>
      answer.kind === 'served'
        ? [
            `  + group ${group} (${subjects.join(', ')}): when it is ready it runs again after at most ${answer.rounds} ends of a major frame; ready in ${groupDigits(answer.waitingStates)} states`,
          ]
        : [
            `  x group ${group} (${subjects.join(', ')}): is ready, and major frames can pass for ever without it, from here`,
            ...answer.trace.steps.map(({ step }, index) => `    ${index + 1}  ${step}`),
          ],
    ),
    '',
  ]);
  return lines.map(line => `${printable(line)}\n`).join('');
}
