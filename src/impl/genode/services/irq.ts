import { err, ok } from '../../../units/result.ts';
import { readCount } from '../init/values.ts';
import type { DeviceResource, SubjectInfo } from '../instance/subject-info.ts';
import { interfaceNamed } from './interfaces.ts';
import { returns, type Service, type SessionNumber, withEntry } from './service.ts';
import type { ServiceOps } from './service-ops.ts';

/** Opcode by which a driver is told of an interrupt. */
export const IRQ_SIGH = 1;
/** Vector of interrupt 0 of the legacy controllers; the timer of the machine arrives as interrupt 2. */
const VECTOR_BASE = 48;
const TIMER_IRQ_VECTOR = 50;
/** Vectors that mean something else: the system call, and the trap of a virtual machine. */
const RESERVED_VECTORS = [0x80, 200];
/** Place of the configuration space of PCI devices, a page for each. */
const CONFIG_SPACE = 0xf800_0000;
const PAGE_BYTES = 0x1000;
const MSI_ADDRESS = 0xfee0_0010;

interface IrqSession {
  readonly vector: number;
  readonly device: DeviceResource;
  /** The driver was told, and has not acknowledged yet. */
  readonly isTold: boolean;
  /** Another interrupt came meanwhile. */
  readonly isPending: boolean;
}

export type IrqState = ReadonlyMap<SessionNumber, IrqSession>;

/** True if a vector is one of a device's. */
export const hasVector = ({ firstVector, interruptCount }: DeviceResource, vector: number): boolean =>
  vector >= firstVector && vector < firstVector + interruptCount;

/** Device and vector that the session arguments name; undefined if the subject has no such. */
function find(
  { devices }: SubjectInfo,
  args: Readonly<Record<string, string>>,
): { readonly device: DeviceResource; readonly vector: number } | undefined {
  const config = args.device_config_phys;
  if (config !== undefined) {
    const sourceId = ((readCount(config) ?? 0) - CONFIG_SPACE) / PAGE_BYTES;
    const device = devices.find(candidate => candidate.sourceId === sourceId);
    // Devices without interrupts are listed as well, and one without MSI has no message to send.
    return device?.isMsi === true && device.interruptCount > 0 ? { device, vector: device.firstVector } : undefined;
  }
  const number = readCount(args.irq_number ?? '');
  if (number === undefined || number > 0xff - VECTOR_BASE) return undefined;
  const vector = number === 0 ? TIMER_IRQ_VECTOR : VECTOR_BASE + number;
  const device = devices.find(candidate => !candidate.isMsi && hasVector(candidate, vector));
  return device === undefined ? undefined : { device, vector };
}

/** Remappable MSI: the place of the first entry of the remapping table is the handle. */
const msiAddress = ({ firstIrte }: DeviceResource): number =>
  MSI_ADDRESS + ((firstIrte & 0x7fff) << 5) + ((firstIrte >> 15) & 1) * 4;

/** IRQ: interrupts of devices that the subject information names; a driver is told again after it acknowledged. */
export function irqService(info: SubjectInfo, ops: ServiceOps): Service<IrqState> {
  return {
    faces: [interfaceNamed('IRQ')],
    initial: new Map(),
    open(state, session, { args }) {
      const found = find(info, args);
      const isTaken = [...state.values()].some(({ vector }) => vector === found?.vector);
      if (found === undefined || isTaken || RESERVED_VECTORS.includes(found.vector)) return err('DENIED');
      return ok(withEntry(state, session, { ...found, isTold: false, isPending: false }));
    },
    close: (state, session) => withEntry(state, session, undefined),
    call(state, session, name, _values, env) {
      const found = state.get(session)!;
      if (name === 'info') {
        const { isMsi } = found.device;
        return returns(state, isMsi ? 1 : 0, BigInt(isMsi ? msiAddress(found.device) : 0), 0n);
      }
      if (name !== 'ack_irq') return returns(state);
      if (found.isPending) env.notify(session, IRQ_SIGH);
      return returns(withEntry(state, session, { ...found, isTold: found.isPending, isPending: false }));
    },
    interrupt(state, vector, env) {
      let next: IrqState = state;
      for (const [session, found] of state) {
        if (found.vector !== vector) continue;
        if (ops.tellsDriver(found.isTold)) env.notify(session, IRQ_SIGH);
        next = withEntry(next, session, { ...found, isTold: true, isPending: found.isTold });
      }
      return next;
    },
  };
}
