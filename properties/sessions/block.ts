import { BLOCK_WITNESSES, runBlockScript } from '../../src/refinement/services/block-script.ts';
import { scriptProperty } from './script-property.ts';

const DESCRIPTIONS: Readonly<Record<(typeof BLOCK_WITNESSES)[number], string>> = {
  read: 'blocks are read',
  written: 'blocks are written',
  'out-of-range': 'a request beyond the end of the disk fails',
  'too-small': 'a request whose packet is too small fails',
  'read-only': 'a client that may only read tries to write',
  several: 'several requests wait at once',
};

/** A disk that several clients share. */
export const blockDevice = scriptProperty({
  id: 'sessions/block',
  claim:
    'A read yields what was written last to these blocks, each request is answered once, and none reaches a block or a byte outside of its session’s part of the disk and its packet.',
  method: 'comparison with an array, hostile requests',
  premise: 'Let three clients of ram_block submit requests, two of which may write:',
  operations: { submit: 10, serve: 8 },
  run: (context, steps) => runBlockScript(context.seams.genode.service, steps),
  witnesses: BLOCK_WITNESSES.map(id => ({ id, description: DESCRIPTIONS[id] })),
  killedBy: [
    'block-range-wraps',
    'block-range-off-by-one',
    'block-packet-unchecked',
    'block-read-only-ignored',
    'block-part-ignored',
  ],
});
