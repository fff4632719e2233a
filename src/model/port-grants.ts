import type { PolicyDocument, Subject } from '../policy/document.ts';

/** I/O ports that the policy lets a subject access directly; both ends inclusive. */
export interface PortGrant {
  readonly first: number;
  readonly last: number;
  /** Policy line of the subject's reference. */
  readonly line: number;
  /** `device/port`. */
  readonly name: string;
}

/** Ports of the devices that a subject has; a sibling has those of its own declaration. References that lead nowhere grant nothing. */
export function portGrants(document: PolicyDocument, subject: Subject): readonly PortGrant[] {
  const ports = new Map<string, { readonly start: number; readonly end: number }>(
    document.hardware.devices.flatMap(device =>
      device.ioPorts.map(port => [`${device.name}/${port.name}`, port] as const),
    ),
  );
  return subject.devices.flatMap(device =>
    device.ioPorts.flatMap(reference => {
      const name = `${device.physical}/${reference.physical}`;
      const port = ports.get(name);
      return port === undefined ? [] : [{ first: port.start, last: port.end, line: reference.at.line, name }];
    }),
  );
}

/** All ports of the hardware, granted or not: to say whose a port is. */
export function hardwarePorts(document: PolicyDocument): readonly PortGrant[] {
  return document.hardware.devices.flatMap(device =>
    device.ioPorts.map(port => ({
      first: port.start,
      last: port.end,
      line: port.at.line,
      name: `${device.name}/${port.name}`,
    })),
  );
}
