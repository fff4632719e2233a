/** A proxyable service with the program that provides it. */
export interface ProxiedCase {
  readonly service: string;
  /** Empty for a service of core. */
  readonly binary: string;
  /** Its `<config>`, empty for none. */
  readonly config: string;
  /** Functions whose results are times: they differ with the delay of the proxies. */
  readonly timed: readonly string[];
}

/** Services that can be proxied, in the order of the interface table. */
export const PROXIED_CASES: readonly ProxiedCase[] = [
  { service: 'LOG', binary: '', config: '', timed: [] },
  { service: 'ROM', binary: '', config: '', timed: [] },
  { service: 'Timer', binary: 'timer', config: '', timed: ['elapsed_ms', 'elapsed_us'] },
];
