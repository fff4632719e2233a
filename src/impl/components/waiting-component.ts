import type { HostedSoftware } from '../hosted.ts';
import { call, type RoundState, roundSoftware, type Steps } from '../native/rounds.ts';
import { type ComponentEntry, hasFile, present } from './component.ts';
import { type LogSink, startLog } from './debug-log.ts';
import { LOG_PARAMETERS, logOf, optionalEvent, SCHEDULE, sinkOf } from './entry-parts.ts';
import { INIT_PARAMETERS, initParameters, readInit } from './init-parameters.ts';
import { type InitConfig, type LoaderOps, startUnderControl } from './init-protocol.ts';

/** A component that starts as it does in Muen, says so in its debug log, and then waits for what nobody brings it. */
interface WaitingConfig {
  readonly name: string;
  readonly init: InitConfig | undefined;
  readonly log: LogSink | undefined;
  /** vmcall event that puts it to sleep; it halts without one. */
  readonly sleepEvent: number | undefined;
}

function* start({ name, init, log }: WaitingConfig, loader: LoaderOps): Steps<void> {
  if (init !== undefined) yield* startUnderControl(init, loader);
  if (log !== undefined) yield* startLog(log, `${name} running`);
  yield { kind: 'sti' };
}

const waitingComponent = (config: WaitingConfig, loader: LoaderOps): HostedSoftware<RoundState<boolean>> =>
  roundSoftware<boolean>(config.name, false, function* (hasStarted) {
    if (!hasStarted) yield* start(config, loader);
    else if (config.sleepEvent !== undefined) yield* call(config.sleepEvent);
    else yield { kind: 'hlt' };
    return true;
  });

/** A stand-in for a component of which others need that it starts, and gives the CPU back while it waits. */
function waitingEntry(name: string, file: string, title: string, limits: string): ComponentEntry {
  return {
    title,
    limits,
    parameters: {
      sleepEvent: optionalEvent('vmcall event that puts it to sleep; it halts without one'),
      ...LOG_PARAMETERS,
      ...SCHEDULE,
      ...INIT_PARAMETERS,
    },
    recognises: facts => hasFile(facts, file),
    parametersOf: (facts, given) =>
      present({
        sleepEvent: facts.event('sleep'),
        ...logOf(facts),
        ...(facts.mapping('muinit') === undefined ? {} : initParameters(facts, given)),
      }),
    create: (given, ops) =>
      waitingComponent(
        {
          name,
          init: readInit(given),
          log: sinkOf(given, ops),
          sleepEvent: given.event('sleepEvent'),
        },
        ops.component.loader,
      ),
  };
}

export const vt = waitingEntry(
  'vt',
  'vt',
  'Virtual terminal: starts, and waits for consoles and input',
  'it shows nothing and passes no input on: no screen and no keyboard stand behind its devices, and the formats of its channels are not implemented',
);
export const ps2 = waitingEntry(
  'ps2',
  'ps2_drv',
  'PS/2 driver: starts, and waits for keys and mouse',
  'no key is pressed and no mouse moved, so it has no events to pass on',
);
export const ahciDriver = waitingEntry(
  'ahci_drv',
  'ahci_drv',
  'AHCI driver: starts, and waits for requests',
  'it answers no request: no disk stands behind its controller, and the format of block requests is not implemented; a subject that waits for a block waits for ever',
);
export const example = waitingEntry(
  'example',
  'example',
  'Example component: starts under the commands of a controller, and sleeps',
  'it answers no request and reads no blocks: the formats of its channels are not implemented',
);
