import { FRAMEBUFFER_WITNESSES, runFramebufferScript } from '../../src/refinement/services/framebuffer-script.ts';
import { scriptProperty } from './script-property.ts';

const DESCRIPTIONS: Readonly<Record<(typeof FRAMEBUFFER_WITNESSES)[number], string>> = {
  shown: 'pixels come to the screen',
  clipped: 'a rectangle is not inside of the screen',
  nothing: 'a rectangle has nothing to show',
  copied: 'a blit copies pixels',
  refused: 'a blit is not inside, or overlaps itself',
  panned: 'another part of the buffer is shown',
  blanked: 'a client closes, and another gets the screen',
  synced: 'a client is told that a picture was shown',
};

/** A screen and the buffer that its client draws into. */
export const framebuffer = scriptProperty({
  id: 'sessions/framebuffer',
  claim:
    'The screen shows exactly the pixels that were refreshed, whatever rectangles the client names, nothing of the client before, and syncs come once a period.',
  method: 'comparison with arrays of pixels, hostile rectangles',
  premise: 'Let a client of ram_fb draw, refresh, copy and pan:',
  operations: { draw: 8, refresh: 8, blit: 4, pan: 2, reopen: 1, sync: 2, pass: 2 },
  run: (context, steps) => runFramebufferScript(context.seams.genode.service, steps),
  witnesses: FRAMEBUFFER_WITNESSES.map(id => ({ id, description: DESCRIPTIONS[id] })),
  killedBy: ['framebuffer-refresh-unclipped', 'framebuffer-blit-outside', 'framebuffer-shows-last-client'],
});
