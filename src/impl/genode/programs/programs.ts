import type { ProgramRow } from '../instance/component.ts';
import { logWriter } from './log-writer.ts';
import { proxyClient } from './proxy-client.ts';
import { proxyServer } from './proxy-server.ts';

/** Programs besides those that only serve, by the name of their binary. */
export const PROGRAMS: readonly ProgramRow[] = [proxyClient, proxyServer, logWriter];
