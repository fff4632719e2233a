import { roundSoftware } from '../native/rounds.ts';
import { type ComponentEntry, hasFile, present } from './component.ts';
import { requiredEvent } from './entry-parts.ts';
import { INIT_PARAMETERS, initRows, readInit } from './init-parameters.ts';
import { loaderRound } from './init-protocol.ts';

export const sl: ComponentEntry = {
  title: 'Subject loader: brings the memory of its subject to its first state, under the commands of a controller',
  limits: 'hashes are not computed',
  parameters: { startEvent: requiredEvent('vmcall event that hands over when it is done'), ...INIT_PARAMETERS },
  recognises: facts =>
    hasFile(facts, 'sl') && facts.event('start') !== undefined && facts.address('control') !== undefined,
  parametersOf: facts =>
    present({
      startEvent: facts.event('start'),
      controlAddress: facts.address('control'),
      statusAddress: facts.address('status'),
      regions: initRows(facts),
    }),
  create: (given, ops) => {
    const init = readInit(given) ?? { controlAddress: 0, statusAddress: 0, regions: [] };
    const config = { ...init, startEvent: given.number('startEvent') };
    return roundSoftware<null>('sl', null, () => loaderRound(config, ops.component.loader));
  },
};
