import { DEFAULT_CAPABILITIES, type VmxCapabilities } from '../../../../src/impl/vmx/capabilities.ts';

const settings = (value: bigint) => ({ must: Number(value & 0xffff_ffffn), may: Number(value >> 32n) });

/** Capabilities from the lines `m<address> <value>` that the case hypervisor prints; the widths and MSR masks are those of the CPU model. */
export function readCapabilities(lines: readonly string[]): VmxCapabilities {
  const values = new Map(
    lines.map(line => {
      const [address, value] = line.slice(1).split(' ') as [string, string];
      return [Number.parseInt(address, 16), value === '-' ? 0n : BigInt(`0x${value}`)] as const;
    }),
  );
  const msr = (address: number): bigint => values.get(address)!;
  const low = (address: number): number => Number(msr(address) & 0xffff_ffffn);
  const eptVpid = msr(0x48c);
  return {
    ...DEFAULT_CAPABILITIES,
    revision: low(0x480) & 0x7fff_ffff,
    pin: settings(msr(0x481)),
    proc: settings(msr(0x482)),
    exit: settings(msr(0x483)),
    entry: settings(msr(0x484)),
    misc: low(0x485),
    cr0Fixed0: low(0x486),
    cr0Fixed1: low(0x487),
    cr4Fixed0: low(0x488),
    cr4Fixed1: low(0x489),
    vmcsEnumeration: low(0x48a),
    proc2: settings(msr(0x48b)),
    eptVpidLow: Number(eptVpid & 0xffff_ffffn),
    eptVpidHigh: Number(eptVpid >> 32n),
    truePin: settings(msr(0x48d)),
    trueProc: settings(msr(0x48e)),
    trueExit: settings(msr(0x48f)),
    trueEntry: settings(msr(0x490)),
    vmFunctions: low(0x491),
  };
}
