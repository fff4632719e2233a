import { runTerminalScript, TERMINAL_WITNESSES } from '../../src/refinement/services/terminal-script.ts';
import { scriptProperty } from './script-property.ts';

const DESCRIPTIONS: Readonly<Record<(typeof TERMINAL_WITNESSES)[number], string>> = {
  carried: 'bytes arrive at the other end',
  full: 'bytes do not fit and are not accepted',
  cut: 'a client names more bytes than its buffer holds',
  reopened: 'a client closes and another takes its end',
  denied: 'a third client is denied',
};

/** Two terminals that are linked. */
export const terminalLink = scriptProperty({
  id: 'sessions/terminal',
  claim:
    'What is written to one end of a terminal link is read at the other, in order, each byte once and none invented; what is not accepted is said.',
  method: 'comparison with queues, hostile counts',
  premise: 'Let two clients of terminal_crosslink write and read:',
  operations: { write: 8, read: 8, reopen: 1 },
  run: (context, steps) => runTerminalScript(context.seams.genode.service, steps),
  witnesses: TERMINAL_WITNESSES.map(id => ({ id, description: DESCRIPTIONS[id] })),
  killedBy: ['terminal-count-unclamped', 'terminal-reader-not-woken'],
});
