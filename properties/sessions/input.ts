import { INPUT_WITNESSES, runInputScript } from '../../src/refinement/services/input-script.ts';
import { scriptProperty } from './script-property.ts';

const DESCRIPTIONS: Readonly<Record<(typeof INPUT_WITNESSES)[number], string>> = {
  fetched: 'a client fetches events',
  overflow: 'a client does not fetch, and its queue starts anew',
  'joined-later': 'a client opens a session while another listens',
};

/** Events of an input device for several clients. */
export const inputEvents = scriptProperty({
  id: 'sessions/input',
  claim:
    'Each client of an input driver fetches every event since its last fetch, in order and once, as long as it fetches before its queue is full.',
  method: 'comparison with a list of events by time',
  premise: 'Let two clients of input_script listen while time passes:',
  operations: { open: 2, pass: 6, flush: 8 },
  run: (context, steps) => runInputScript(context.seams.genode.service, steps),
  witnesses: INPUT_WITNESSES.map(id => ({ id, description: DESCRIPTIONS[id] })),
  killedBy: ['input-overflow-keeps-tail'],
});
