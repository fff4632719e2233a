import { INIT_WITNESSES, runInitScript } from '../../src/refinement/genode/init-script.ts';
import { scriptProperty } from './script-property.ts';

const DESCRIPTIONS: Readonly<Record<(typeof INIT_WITNESSES)[number], string>> = {
  started: 'a child starts',
  ended: 'a child ends',
  version: 'a child comes in another version',
  'server-restarted': 'a client starts anew because its server does',
  stuck: 'a session of a child leads nowhere any longer',
  released: 'a child that was stuck starts again',
  kept: 'a child lives on',
};

/** An init whose configuration changes, in a whole Genode instance. */
export const init = scriptProperty({
  id: 'sessions/init',
  claim:
    'An init that is given one configuration after the other starts, keeps, restarts, holds and ends exactly the children that names, versions and routes say, and has everything back when none is left.',
  method: 'comparison with a specification of who lives, conservation of quota',
  premise: 'Let the configuration of an init change step by step:',
  operations: { config: 1 },
  runsPerTask: 8,
  run: ({ seams }, steps) => runInitScript(seams, steps),
  witnesses: INIT_WITNESSES.map(id => ({ id, description: DESCRIPTIONS[id] })),
  killedBy: ['init-version-ignored', 'init-route-change-ignored', 'init-stuck-child-started'],
});
