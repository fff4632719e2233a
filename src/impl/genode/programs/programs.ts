import type { ProgramRow } from '../instance/component.ts';
import { logWriter } from './log-writer.ts';

/** Programs besides those that only serve, by the name of their binary. */
export const PROGRAMS: readonly ProgramRow[] = [logWriter];
