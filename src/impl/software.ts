import { err, ok, type Result } from '../units/result.ts';
import type { ComponentOps } from './components/ops.ts';
import { COMPONENTS } from './components/registry.ts';
import type { GenodeOps } from './genode/core/genode-ops.ts';
import { checkInitConfig, genodeSoftware } from './genode/instance/genode-software.ts';
import { logProxyClient } from './genode/log-client.ts';
import { LOG_PROXY_PROTOCOL, MAX_SESSIONS, MESSAGE_BYTES } from './genode/log-message.ts';
import type { ProxyOps } from './genode/log-ops.ts';
import { logProxyServer } from './genode/log-server.ts';
import type { HostedSoftware } from './hosted.ts';
import { guestProbeSoftware, idleSoftware, majorFrameChooserSoftware } from './idle.ts';
import { bytesOfHex, machineCodeSoftware } from './machine-code/code-image.ts';
import type { ChannelLayout, ChannelOps } from './native/muchannel.ts';
import { channelReaderSoftware } from './native/muchannel-reader-software.ts';
import { channelWriterSoftware } from './native/muchannel-writer-software.ts';
import { subjectMonitorSoftware } from './native/subject-monitor.ts';
import { type ParameterSpec, type ParameterSpecs, type Parameters, readParameters } from './software-parameters.ts';

/** Collaborators of hosted software that a seeded fault can replace. */
export interface SoftwareOps {
  readonly channel: ChannelOps;
  readonly proxy: ProxyOps;
  readonly genode: GenodeOps;
  readonly component: ComponentOps;
}

/** Place of a log: virtual address and size, or the logical name of a memory region. */
export type SoftwareLog = { readonly address: number; readonly sizeBytes: number } | { readonly region: string };

/** A named hosted software that a scenario or a trace can put into a subject. */
export interface SoftwareEntry {
  readonly title: string;
  readonly parameters: ParameterSpecs;
  /** Where it keeps a log that a console can show. */
  readonly log?: (parameters: Parameters) => SoftwareLog;
  create(parameters: Parameters, ops: SoftwareOps): HostedSoftware;
}

const count = (meaning: string, fallback: number, min = 0, max = 1_000_000): ParameterSpec => ({
  kind: 'number',
  meaning,
  fallback,
  min,
  max,
});
const optionalEvent = (meaning: string): ParameterSpec => ({ kind: 'optional-event', meaning });
const SEED: ParameterSpec = { kind: 'number', meaning: 'seed of the contents', fallback: 1, min: 0, max: 0xffff_ffff };
const SCHEDULING_INFO: ParameterSpec = {
  kind: 'number',
  meaning: 'virtual address of the scheduling-info page',
  fallback: 0xe_0000_8000,
  multipleOf: 0x1000,
};
const ADDRESS: ParameterSpec = { kind: 'number', meaning: 'virtual address of the channel', multipleOf: 8 };
const WAITING: ParameterSpecs = {
  sleepEvent: optionalEvent('vmcall event that puts the subject to sleep; without it the channel is polled'),
  yieldEvent: optionalEvent('vmcall event that yields between polls'),
};

const CHANNEL: ParameterSpecs = {
  address: ADDRESS,
  protocol: { kind: 'number', meaning: 'protocol id of the channel', fallback: 1, min: 1, max: 0xffff_ffff },
  elementBytes: { kind: 'number', meaning: 'bytes of an element', fallback: 32, min: 8, max: 4096, multipleOf: 8 },
  elements: count('elements of the channel', 8, 1, 65_536),
};

const LOG_CHANNEL: ParameterSpecs = {
  address: ADDRESS,
  elements: count('elements of the channel', 4, 1, 65_536),
  labels: {
    kind: 'list',
    meaning: 'labels of the sessions, separated by commas, the same at both proxies',
    fallback: 'app0,app1',
    max: MAX_SESSIONS,
  },
};

const channelLayout = (given: Parameters): ChannelLayout => ({
  address: given.number('address'),
  protocol: given.number('protocol'),
  elementBytes: given.number('elementBytes'),
  elements: given.number('elements'),
});
const logLayout = (given: Parameters): ChannelLayout => ({
  address: given.number('address'),
  protocol: LOG_PROXY_PROTOCOL,
  elementBytes: MESSAGE_BYTES,
  elements: given.number('elements'),
});
const waiting = (given: Parameters) => ({
  sleepEvent: given.event('sleepEvent'),
  yieldEvent: given.event('yieldEvent'),
});
const requiredEvent = (meaning: string): ParameterSpec => ({ kind: 'event', meaning });

const channelWriter: SoftwareEntry = {
  title: 'Fills a muchannel with numbered test elements and announces them by an event',
  parameters: {
    ...CHANNEL,
    event: requiredEvent('vmcall event that announces data'),
    messages: count('elements to send, 0 for no end', 0),
    burst: count('elements between two events', 1, 1),
    pauses: count('no-operations after each event', 0),
    seed: SEED,
    schedulingInfo: SCHEDULING_INFO,
  },
  create: (given, ops) =>
    channelWriterSoftware(
      {
        layout: channelLayout(given),
        event: given.number('event'),
        messages: given.number('messages'),
        burst: given.number('burst'),
        pauses: given.number('pauses'),
        seed: given.number('seed'),
        schedulingInfo: given.number('schedulingInfo'),
      },
      ops.channel,
    ),
};

const channelReader: SoftwareEntry = {
  title: 'Reads a muchannel, checks every element, sleeps or polls while there is none',
  parameters: { ...CHANNEL, ...WAITING, seed: SEED },
  create: (given, ops) =>
    channelReaderSoftware({ layout: channelLayout(given), ...waiting(given), seed: given.number('seed') }, ops.channel),
};

const logClient: SoftwareEntry = {
  title: 'Genode instance with a local LOG client and the client side of a LOG proxy',
  parameters: {
    ...LOG_CHANNEL,
    event: requiredEvent('vmcall event that tells the server to look'),
    timerEvent: optionalEvent("vmcall event of the subject's own timer; without it pauses separate the rounds"),
    schedulingInfo: SCHEDULING_INFO,
    capacity: count('messages that wait for the channel, at most', 4, 1, 64),
    burst: count('requests of the local program per round', 2, 1, 64),
    sendBurst: count('messages published per round, at most', 2, 1, 64),
    pauses: count('no-operations per round without a timer', 8),
    messages: count('writes per session before all are closed, 0 for no end', 0),
    oversizedEvery: count('every n-th write is too long, 0 for none', 0),
    seed: SEED,
  },
  create: (given, ops) =>
    logProxyClient(
      {
        layout: logLayout(given),
        labels: given.list('labels'),
        event: given.number('event'),
        timerEvent: given.event('timerEvent'),
        schedulingInfo: given.number('schedulingInfo'),
        capacity: given.number('capacity'),
        burst: given.number('burst'),
        sendBurst: given.number('sendBurst'),
        pauses: given.number('pauses'),
        program: {
          sessions: given.list('labels').length,
          messages: given.number('messages'),
          oversizedEvery: given.number('oversizedEvery'),
          seed: given.number('seed'),
        },
      },
      ops.channel,
      ops.proxy,
    ),
};

const logServer: SoftwareEntry = {
  title: 'Genode instance with the server side of a LOG proxy and the LOG service',
  parameters: {
    ...LOG_CHANNEL,
    ...WAITING,
    logAddress: { kind: 'number', meaning: 'virtual address of the log memory', multipleOf: 8 },
    logBytes: { kind: 'number', meaning: 'bytes of the log memory', min: 16, max: 2 ** 30, multipleOf: 8 },
    notifyEvent: optionalEvent('vmcall event raised when the channel is empty after something was delivered'),
    peer: { kind: 'text', meaning: 'name of the client subject, first part of its labels', fallback: 'remote' },
  },
  log: given => ({ address: given.number('logAddress'), sizeBytes: given.number('logBytes') }),
  create: (given, ops) =>
    logProxyServer(
      {
        layout: logLayout(given),
        labels: given.list('labels'),
        ...waiting(given),
        logAddress: given.number('logAddress'),
        logBytes: given.number('logBytes'),
        notifyEvent: given.event('notifyEvent'),
        peer: given.text('peer'),
      },
      ops.channel,
      ops.proxy,
    ),
};

const genode: SoftwareEntry = {
  title: 'Genode instance: core, and an init that starts what its configuration says',
  parameters: {
    config: { kind: 'document', meaning: 'configuration of init', check: checkInitConfig },
  },
  log: () => ({ region: 'log' }),
  create: (given, ops) => genodeSoftware(given.text('config'), ops),
};

const idle: SoftwareEntry = {
  title: 'Raises an event if it has one, passes time, halts',
  parameters: {
    event: optionalEvent('vmcall event raised once per round'),
    pauses: count('no-operations per round', 1, 0, 4096),
    halts: count('1 to halt at the end of each round until an interrupt arrives', 1, 0, 1),
  },
  create: given =>
    idleSoftware({ event: given.event('event'), pauses: given.number('pauses'), halts: given.number('halts') === 1 }),
};

const majorFrameChooser: SoftwareEntry = {
  title: 'tau0 that asks for all major frames in turn',
  parameters: {
    address: {
      kind: 'number',
      meaning: 'virtual address of the interface page',
      fallback: 0x3f_f000,
      multipleOf: 0x1000,
    },
    majorFrames: { kind: 'number', meaning: 'major frames of the plan', min: 1, max: 256 },
    pauses: count('no-operations between two choices', 16, 0, 4096),
  },
  create: given =>
    majorFrameChooserSoftware({
      address: given.number('address'),
      majorFrames: given.number('majorFrames'),
      pauses: given.number('pauses'),
    }),
};

const guestProbe: SoftwareEntry = {
  title: 'Monitored guest that executes RDTSC for its monitor to handle',
  parameters: { pauses: count('no-operations after each RDTSC', 2, 0, 4096) },
  create: given => guestProbeSoftware(given.number('pauses')),
};

const subjectMonitor: SoftwareEntry = {
  title: 'Subject monitor that skips each trapped instruction of its subject and resumes it',
  parameters: {
    stateAddress: {
      kind: 'number',
      meaning: "virtual address of the monitored subject's state page",
      multipleOf: 0x1000,
    },
    resumeEvent: requiredEvent('vmcall event that hands the CPU to the monitored subject'),
    resetEvent: optionalEvent('vmcall event that resets it, for a subject that cannot be entered'),
    faultSkip: count('bytes to skip after a fault, which has no instruction length', 0, 0, 15),
  },
  create: given =>
    subjectMonitorSoftware({
      stateAddress: given.number('stateAddress'),
      resumeEvent: given.number('resumeEvent'),
      resetEvent: given.event('resetEvent'),
      faultSkip: given.number('faultSkip'),
    }),
};

const machineCode: SoftwareEntry = {
  title: 'Machine code on the x86-64 processor, from the entry point of the policy on',
  parameters: {
    hex: { kind: 'hex', meaning: 'its bytes as hexadecimal digits; empty if files fill the memory', fallback: '' },
    address: { kind: 'number', meaning: 'address of the bytes', fallback: 0 },
  },
  create: given => {
    const bytes = bytesOfHex(given.text('hex'));
    return machineCodeSoftware(bytes.length === 0 ? [] : [{ address: given.number('address'), bytes }]);
  },
};

/** All hosted software by name. */
export const SOFTWARE: Readonly<Record<string, SoftwareEntry>> = {
  'channel-writer': channelWriter,
  'channel-reader': channelReader,
  'log-proxy-client': logClient,
  'log-proxy-server': logServer,
  genode,
  'subject-monitor': subjectMonitor,
  'guest-probe': guestProbe,
  'major-frame-chooser': majorFrameChooser,
  'machine-code': machineCode,
  ...COMPONENTS,
  idle,
};

/** Log memory of software with these parameters, undefined if it keeps none. */
export function softwareLog(
  name: string,
  parameters: Readonly<Record<string, number | string>>,
): SoftwareLog | undefined {
  const entry = Object.hasOwn(SOFTWARE, name) ? SOFTWARE[name] : undefined;
  if (entry?.log === undefined) return undefined;
  const given = readParameters(entry.parameters, parameters);
  return given.ok ? entry.log(given.value) : undefined;
}

/**
 * Creates hosted software by name.
 * Errors: an unknown name, or parameters that do not fit the software's table entry.
 */
export function createSoftware(
  name: string,
  parameters: Readonly<Record<string, number | string>>,
  ops: SoftwareOps,
): Result<HostedSoftware, string> {
  const entry = Object.hasOwn(SOFTWARE, name) ? SOFTWARE[name] : undefined;
  if (entry === undefined) return err(`unknown software ${name}; known are ${Object.keys(SOFTWARE).join(', ')}`);
  const given = readParameters(entry.parameters, parameters);
  return given.ok ? ok(entry.create(given.value, ops)) : err(`software ${name}: ${given.error}`);
}
