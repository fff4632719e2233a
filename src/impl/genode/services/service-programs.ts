import type { XmlElement } from '../../../policy/xml.ts';
import { ok, type Result } from '../../../units/result.ts';
import type { Service } from './service.ts';
import { timerService } from './timer.ts';

/** A program that provides services: what init starts under the name of its binary. */
export interface ServiceProgram {
  readonly binary: string;
  readonly title: string;
  /** Makes the service from the component's `<config>`; the text says what is wrong with it. */
  create(config: XmlElement | undefined): Result<Service<never>, string>;
}

/** A row for a service that has no configuration. */
const plain = <State>(binary: string, title: string, service: Service<State>): ServiceProgram => ({
  binary,
  title,
  create: () => ok(service as unknown as Service<never>),
});

/** Programs that provide services, by binary; LOG, ROM and those for hardware are core's own. */
export const SERVICE_PROGRAMS: readonly ServiceProgram[] = [
  plain('timer', 'Timeouts by the timed event of the subject', timerService),
];
