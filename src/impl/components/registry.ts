import type { PolicyDocument } from '../../policy/document.ts';
import { idleSoftware } from '../idle.ts';
import { type ComponentEntry, type ComponentParameters, hasFile } from './component.ts';
import { controllerEntry } from './controller.ts';
import { dbgserver } from './debug-server.ts';
import { dm } from './device-manager.ts';
import { PolicyFacts } from './policy-facts.ts';
import { sl } from './subject-loader.ts';
import { sm } from './subject-monitor-entry.ts';
import { time } from './time.ts';
import { ahciDriver, example, ps2, vt } from './waiting-component.ts';

const tau0: ComponentEntry = {
  title: 'tau0: leaves the major frame as it is',
  limits: 'it never asks for another major frame',
  parameters: {},
  recognises: facts => hasFile(facts, 'tau0'),
  parametersOf: () => ({}),
  create: () => idleSoftware({ event: undefined, pauses: 1, halts: true }),
};

const idle: ComponentEntry = {
  title: 'Idle subject: halts',
  limits: '',
  parameters: {},
  recognises: facts => hasFile(facts, 'idle'),
  parametersOf: () => ({}),
  create: () => idleSoftware({ event: undefined, pauses: 1, halts: true }),
};

/** All stand-ins by the name of the component. */
export const COMPONENTS: Readonly<Record<string, ComponentEntry>> = {
  sm,
  sl,
  time,
  dm,
  dbgserver,
  controller: controllerEntry,
  vt,
  ps2,
  ahci_drv: ahciDriver,
  example,
  tau0,
  'idle-subject': idle,
};

/**
 * Stand-ins for the components of a policy, by subject; subjects that are none of them have none.
 *
 * @param given names of the memory regions whose files are given.
 */
export function standIns(
  document: PolicyDocument,
  given: ReadonlySet<string> = new Set(),
): readonly { readonly subject: string; readonly software: string; readonly parameters: ComponentParameters }[] {
  return document.subjects.flatMap(subject => {
    const facts = new PolicyFacts(document, subject);
    const found = Object.entries(COMPONENTS).find(([, entry]) => entry.recognises(facts));
    if (found === undefined) return [];
    const [name, entry] = found;
    return [{ subject: subject.name, software: name, parameters: entry.parametersOf(facts, given) }];
  });
}
