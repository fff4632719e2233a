import type { Command } from '../command.ts';
import { benchCommand } from './bench.ts';
import { checkCommand } from './check.ts';
import { explainCommand } from './explain.ts';
import { exploreCommand } from './explore.ts';
import { faultsCommand } from './faults.ts';
import { flowsCommand } from './flows.ts';
import { listCommand } from './list.ts';
import { policyCommand } from './policy.ts';
import { replayCommand } from './replay.ts';
import { routesCommand } from './routes.ts';

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  checkCommand,
  policyCommand,
  flowsCommand,
  exploreCommand,
  routesCommand,
  replayCommand,
  faultsCommand,
  listCommand,
  benchCommand,
  explainCommand,
];

/** Commands of the design that this version does not have; naming one is a usage error that says so. */
export const LATER_COMMANDS: readonly string[] = ['run', 'fuzz', 'validate', 'traces', 'init', 'completion'];
