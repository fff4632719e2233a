import type { HostedSoftware } from '../../hosted.ts';
import { readInitText } from '../init/read-text.ts';
import type { ProgramOps } from './component.ts';
import { eventLoopSoftware, type LoopState } from './event-loop.ts';
import { genodeInstance } from './instance.ts';
import type { InstanceState } from './state.ts';

/** What is wrong with the configuration of an init, empty if nothing is. */
export function checkInitConfig(text: string): string {
  const read = readInitText(text);
  return read.ok ? '' : read.error;
}

/** A Genode instance as hosted software of a subject, with the configuration of its init as a boot module. */
export const genodeSoftware = (text: string, ops: ProgramOps): HostedSoftware<LoopState<InstanceState>> =>
  eventLoopSoftware(genodeInstance({ modules: new Map([['config', text]]) }, ops));
