import type { SystemPicture } from '../../../src/report/picture/system-picture.ts';

/** Three subjects on two CPUs; `name` decorates every text, so that it can be hostile. */
export function fakeSystem(name: (text: string) => string = text => text): SystemPicture {
  const [a, b, c] = ['a', 'b', 'c'].map(name) as [string, string, string];
  return {
    tickRateHz: 1000,
    majorFrames: [
      {
        cpus: [
          {
            id: 0,
            frames: [
              { partition: a, ticks: 30, barrier: 1, line: 10 },
              { partition: b, ticks: 70, barrier: 0, line: 11 },
            ],
          },
          { id: 1, frames: [{ partition: c, ticks: 100, barrier: 0, line: 12 }] },
        ],
      },
    ],
    partitions: [
      { name: a, cpu: 0, groups: [[a]] },
      { name: b, cpu: 0, groups: [[b]] },
      { name: c, cpu: 1, groups: [[c]] },
    ],
    subjects: [a, b, c],
    others: [name('kernel')],
    flows: [
      { from: a, to: b, kind: 'data', mechanisms: [name('channel x (policy line 3)')] },
      { from: b, to: a, kind: 'event', mechanisms: [name('async y (policy line 4)')] },
      { from: c, to: name('kernel'), kind: 'data', mechanisms: [name('kernel-interface z')] },
      { from: a, to: c, kind: 'timing', mechanisms: [name('barrier 1')] },
    ],
  };
}
