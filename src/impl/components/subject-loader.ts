import { roundSoftware } from '../native/rounds.ts';
import { type ComponentEntry, hasFile, present } from './component.ts';
import { requiredEvent } from './entry-parts.ts';
import { INIT_PARAMETERS, initParameters, readInit } from './init-parameters.ts';
import { type InitConfig, loaderRound } from './init-protocol.ts';

const NO_CONTROL: InitConfig = {
  controlAddress: 0,
  statusAddress: 0,
  regions: [],
  validated: [],
  scratchAddress: 0,
};

export const sl: ComponentEntry = {
  title: 'Subject loader: brings the memory of its subject to its first state, under the commands of a controller',
  limits:
    'it finds the source of a copy by the name that the policy has for it, not by its hash; regions whose files are not given, or for which the policy has no hash, are not validated (its parameters list them)',
  parameters: { startEvent: requiredEvent('vmcall event that hands over when it is done'), ...INIT_PARAMETERS },
  recognises: facts =>
    hasFile(facts, 'sl') && facts.event('start') !== undefined && facts.address('control') !== undefined,
  parametersOf: (facts, given) => present({ startEvent: facts.event('start'), ...initParameters(facts, given) }),
  create: (given, ops) => {
    const init = readInit(given) ?? NO_CONTROL;
    const config = { ...init, startEvent: given.number('startEvent') };
    return roundSoftware<null>('sl', null, () => loaderRound(config, ops.component.loader));
  },
};
