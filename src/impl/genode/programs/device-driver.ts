import type { XmlElement } from '../../../policy/xml.ts';
import { numberAt } from '../instance/guest.ts';
import type { WantedSession } from './client-program.ts';
import { clientRow, textOf } from './program-config.ts';

interface DriverState {
  readonly interrupts: number;
  readonly registers: number;
}

/** Sessions by place. */
const [IRQ, IO_MEM, IO_PORT] = [0, 1, 2];

const sessionsOf = (config: XmlElement | undefined): readonly WantedSession[] => [
  { service: 'IRQ', label: '', args: { irq_number: textOf(config, 'irq', '1') } },
  { service: 'IO_MEM', label: '', args: { base: textOf(config, 'base', '0'), size: textOf(config, 'size', '0x1000') } },
  { service: 'IO_PORT', label: '', args: { io_port_base: textOf(config, 'port', '0x60'), io_port_size: '1' } },
];

/** A driver as simple as one can be: for each interrupt it reads a port, shows the first register, and acknowledges. */
export const deviceDriver = clientRow<'count', DriverState>(
  'device_driver',
  'Handles interrupts of a device by its port and its memory',
  { count: { fallback: 0, min: 0, max: 1_000_000 } },
  ({ count }, config) => ({
    sessions: sessionsOf(config),
    initial: { interrupts: 0, registers: 0 },
    begin(state, env, handles) {
      env.call(handles[IO_MEM!]!, 'dataspace');
      env.call(handles[IRQ!]!, 'sigh', 1);
      env.call(handles[IRQ!]!, 'ack_irq');
      return state;
    },
    signal(state, _place, env, handles) {
      env.call(handles[IO_PORT!]!, 'inb', Number(textOf(config, 'port', '0x60')));
      return state;
    },
    reply(state, { place, name, values }, env, handles) {
      if (values === undefined) return state;
      if (name === 'dataspace') return { ...state, registers: Number(values[0]) };
      if (place !== IO_PORT) return state;
      const interrupts = state.interrupts + 1;
      const register = numberAt(env.read(state.registers, 0, 4), 0, 4);
      env.log(`interrupt ${interrupts}: port says ${Number(values[0])}, register says ${register}`);
      env.write(state.registers, 4, Uint8Array.from([interrupts & 0xff]));
      if (count === 0 || interrupts < count) env.call(handles[IRQ!]!, 'ack_irq');
      return { ...state, interrupts };
    },
  }),
);
