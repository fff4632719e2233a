import { runInstanceBooksScript } from '../../src/refinement/genode/instance-books-script.ts';
import { PROXIED_CASES } from '../../src/refinement/genode/proxied-cases.ts';
import { scriptProperty } from './script-property.ts';

/** RAM, caps, pages, capability spaces, address spaces and labels of whole running instances. */
export const instanceBooks = scriptProperty({
  id: 'sessions/instance-books',
  claim:
    'In whole instances with a proxied service, while sessions open and close, components end and instances start anew, after every handler: RAM and caps are neither made nor lost and every account uses what it pays for; a page belongs to one; nobody refers to, or has attached, what it did not get; sessions carry the names of their clients; and init has all back when its children have ended.',
  method: 'conservation after every handler of two whole instances',
  premise: 'Let a client use a service behind proxies, with the service chosen by the first step:',
  operations: { call: 10, packet: 3, close: 1, exit: 3, restart: 0.8 },
  cases: PROXIED_CASES.length,
  runsPerTask: 2,
  run: ({ seams }, steps) => runInstanceBooksScript(seams, steps.slice(0, 20)),
  witnesses: [
    { id: 'session', description: 'a session is opened' },
    { id: 'closed', description: 'a session is closed' },
    { id: 'freed', description: 'memory is freed' },
    { id: 'exit', description: 'a component ends' },
    { id: 'restart', description: 'an instance starts anew' },
    { id: 'all-ended', description: 'all children of an init have ended' },
  ],
  killedBy: [
    'freed-ram-not-returned',
    'freed-memory-attached',
    'label-unscoped',
    'capability-named-twice',
    'capability-outlives-object',
  ],
});
