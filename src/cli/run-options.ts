import { selectByGlobs } from '../engine/glob.ts';
import type { Budget, Property } from '../engine/property.ts';
import { defaultJobs } from '../host/workers.ts';
import { suggestion } from '../units/nearest.ts';
import { err, ok, type Result } from '../units/result.ts';
import type { Arguments } from './options.ts';
import type { SessionOptions } from './session.ts';

const DEFAULT_SEED = 1;
const BUDGETS: readonly Budget['name'][] = ['smoke', 'deep', 'exhaustive'];

/** Seed and budget of a command line. */
export function runLimits(args: Arguments): { readonly seed: number; readonly budget: Budget } {
  const runs = args.numbers.get('runs');
  const maxSteps = args.numbers.get('max-steps');
  const searchRuns = args.numbers.get('search');
  const name = BUDGETS.find(candidate => candidate === args.texts.get('budget')) ?? 'smoke';
  const budget: Budget = {
    name,
    ...(runs === undefined ? {} : { runs }),
    ...(maxSteps === undefined ? {} : { maxSteps }),
    ...(searchRuns === undefined ? {} : { searchRuns }),
  };
  return { seed: args.numbers.get('seed') ?? DEFAULT_SEED, budget };
}

/** Jobs, time limit and quietness of a command line. */
export function sessionOptions(args: Arguments): SessionOptions {
  const timeoutSeconds = args.numbers.get('timeout');
  return {
    jobs: args.numbers.get('jobs') ?? defaultJobs(),
    quiet: args.flags.has('quiet'),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
  };
}

/** Properties that the `--property` globs select; selecting none is a usage error. */
export function selectedProperties(
  args: Arguments,
  properties: readonly Property[],
): Result<readonly Property[], string> {
  const globs = args.lists.get('property') ?? [];
  const selected = selectByGlobs(properties, globs);
  if (selected.length > 0 || globs.length === 0) return ok(selected);
  return err(
    `--property ${globs.join(' ')} selects no property.${suggestion(
      globs[0] ?? '',
      properties.map(property => property.id),
    )} \`muencheck list properties\` shows all.`,
  );
}
