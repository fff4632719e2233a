import { MODELS } from '../../src/model/index.ts';
import { explore } from './explore.ts';

for (const m of MODELS)
  for (const c of m.configurations) {
    const t = performance.now();
    const i = c.create();
    const x = explore(i, { limit: 4e6 });
    console.log(
      m.id,
      c.name,
      x.states,
      x.transitions,
      x.complete,
      [...x.witnesses.keys()].join(),
      x.deadlocks.length,
      Math.round(performance.now() - t),
      'ms',
    );
    for (const w of i.witnesses) if (!x.witnesses.has(w.id)) console.log('  UNSEEN', w.id);
    for (const [id, trace] of x.violations) console.log('  VIOLATED', id, trace.length, trace.join('; '));
  }
