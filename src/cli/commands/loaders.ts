import type { Command } from '../command.ts';

/** How each command is loaded, in the order of the help: a command line loads only its own. */
export const COMMAND_LOADERS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ['check', async () => (await import('./check.ts')).checkCommand],
  ['policy', async () => (await import('./policy.ts')).policyCommand],
  ['flows', async () => (await import('./flows.ts')).flowsCommand],
  ['explore', async () => (await import('./explore.ts')).exploreCommand],
  ['routes', async () => (await import('./routes.ts')).routesCommand],
  ['run', async () => (await import('./run.ts')).runCommand],
  ['replay', async () => (await import('./replay.ts')).replayCommand],
  ['validate', async () => (await import('./validate.ts')).validateCommand],
  ['traces', async () => (await import('./traces.ts')).tracesCommand],
  ['fuzz', async () => (await import('./fuzz.ts')).fuzzCommand],
  ['faults', async () => (await import('./faults.ts')).faultsCommand],
  ['list', async () => (await import('./list.ts')).listCommand],
  ['bench', async () => (await import('./bench.ts')).benchCommand],
  ['init', async () => (await import('./init.ts')).initCommand],
  ['explain', async () => (await import('./explain.ts')).explainCommand],
  ['completion', async () => (await import('./completion.ts')).completionCommand],
]);
