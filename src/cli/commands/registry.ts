import type { Command } from '../command.ts';
import { COMMAND_LOADERS } from './loaders.ts';

/** Every command, loaded, in the order of the help. */
export const COMMANDS: readonly Command[] = await Promise.all([...COMMAND_LOADERS.values()].map(load => load()));
