/** One benchmark: a figure, and the same work done by peers in the same run. */
export interface Benchmark {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  run(): Measurement;
}

/** A benchmark that waits for other threads. */
export interface ThreadedBenchmark extends Omit<Benchmark, 'run'> {
  run(): Promise<Measurement>;
}

export interface Measurement {
  readonly value: number;
  readonly peers: Readonly<Record<string, number>>;
  /** value / peer. */
  readonly ratios: Readonly<Record<string, number>>;
}

/** Median of `repeats` measurements, after one that is thrown away; `measure` returns units per second. */
export function medianOf(repeats: number, measure: () => number): number {
  measure();
  const values = Array.from({ length: repeats }, measure).sort((a, b) => a - b);
  return values[Math.floor(values.length / 2)]!;
}

/** Units per second of CPU time of this thread's process: other processes on the machine do not count. */
export function perSecond(work: () => number): number {
  const start = process.cpuUsage();
  const units = work();
  const { user, system } = process.cpuUsage(start);
  return (units * 1_000_000) / Math.max(1, user + system);
}

/** Measurement with the ratios worked out. */
export function measurement(value: number, peers: Readonly<Record<string, number>>): Measurement {
  const ratios = Object.fromEntries(Object.entries(peers).map(([name, peer]) => [name, value / peer]));
  return { value, peers, ratios };
}
