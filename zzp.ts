import { snapshotPrograms } from './bench/snapshot-programs.ts';
console.log(snapshotPrograms.run());
