import { GUI_WITNESSES, runGuiScript } from '../../src/refinement/services/gui-script.ts';
import { scriptProperty } from './script-property.ts';

const DESCRIPTIONS: Readonly<Record<(typeof GUI_WITNESSES)[number], string>> = {
  shown: 'pixels of a client come to the screen',
  covered: 'a part of the screen is painted because a view came, moved or went',
  moved: 'a view moves, or shows another part of its buffer',
  restacked: 'a view comes before or behind others',
  child: 'a view hangs on another',
  gone: 'a view is destroyed',
  foreign: 'a client tries to change the view of another',
  keys: 'a client gets keys',
  hover: 'the pointer leaves a client',
  hostile: 'a client announces more commands than there is room for',
  greedy: 'a client asks for more pixels than it pays for',
  closed: 'a client closes and comes again',
};

/** Views of two clients on one screen, and who gets its input. */
export const gui = scriptProperty({
  id: 'sessions/gui',
  claim:
    'The screen shows exactly the pixels of the frontmost views, nothing of a view that went; only its owner changes a view; keys and pointer go to the client that they are for and to no other, whatever rectangles, numbers and commands a client names.',
  method: 'comparison with a window system that paints pixel by pixel, hostile clients',
  premise: 'Let two clients of nitpicker draw, arrange their views and fetch their input:',
  operations: {
    draw: 6,
    refresh: 6,
    view: 6,
    child: 2,
    move: 6,
    stack: 4,
    destroy: 2,
    foreign: 2,
    hostile: 1,
    greedy: 1,
    reopen: 1,
    pass: 8,
    flush: 5,
  },
  run: (context, steps) => runGuiScript(context.seams.genode.service, steps),
  witnesses: GUI_WITNESSES.map(id => ({ id, description: DESCRIPTIONS[id] })),
  killedBy: [
    'gui-foreign-view-changed',
    'gui-view-leaves-pixels',
    'gui-keys-to-all',
    'gui-commands-unbounded',
    'gui-buffer-unpaid',
  ],
});
