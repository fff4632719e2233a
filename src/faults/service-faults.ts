import type { GenodeOps } from '../impl/genode/core/genode-ops.ts';
import type { ServiceOps } from '../impl/genode/services/service-ops.ts';
import type { Fault } from './fault.ts';
import { type SeamFault, seamFaults } from './fault-parts.ts';

type ServiceFault = Omit<SeamFault<'genode'>, 'replace'> & {
  readonly replace: (ops: ServiceOps) => Partial<ServiceOps>;
};

const REPORT_ROM = ['sessions/report-rom'];
const TERMINAL = ['sessions/terminal'];
const INPUT = ['sessions/input'];
const BLOCK = ['sessions/block'];
const FILES = ['sessions/file-system'];
const NETWORK = ['sessions/network'];
const SCREEN = ['sessions/framebuffer'];
const GUI = ['sessions/gui'];
const KERNEL = ['sessions/kernel'];
const DEVICES = ['sessions/devices'];

const faults: readonly ServiceFault[] = [
  {
    id: 'report-length-unclamped',
    title: 'a report has the length that its client announces, beyond the end of its buffer',
    precedent: 'CVE-2017-10235 (VirtualBox e1000): length of a descriptor not bounded by its buffer',
    killedBy: REPORT_ROM,
    replace: () => ({ reportLength: announced => Number(announced & 0x1ffffn) }),
  },
  {
    id: 'report-outlives-reporter',
    title: 'the report of a client that ended is still read',
    precedent: 'XSA-343: state used across the end of who made it',
    killedBy: REPORT_ROM,
    replace: () => ({ reportEndsWithReporter: () => false }),
  },
  {
    id: 'rom-change-missed',
    title: 'a reader counts as having seen the version that comes next',
    precedent: 'Genode 42397cb512: lost first wake-up',
    killedBy: REPORT_ROM,
    replace: () => ({ seenVersion: version => version + 1 }),
  },
  {
    id: 'terminal-count-unclamped',
    title: 'a terminal moves as many bytes as its client names',
    precedent: 'CVE-2015-3456 (VENOM): length of a transfer not bounded by its buffer',
    killedBy: TERMINAL,
    replace: () => ({ terminalCount: (named, _buffer, possible) => Math.min(Number(named & 0xffffn), possible + 1) }),
  },
  {
    id: 'terminal-reader-not-woken',
    title: 'a reader is told of bytes only if some waited before',
    precedent: 'Genode 42397cb512: lost first wake-up',
    killedBy: TERMINAL,
    replace: () => ({ wakesReader: before => before > 0 }),
  },
  {
    id: 'input-overflow-keeps-tail',
    title: 'a full queue of events loses its oldest ones, so that a key seems to stay pressed',
    precedent: 'Linux evdev (SYN_DROPPED): after an overrun a client that keeps the rest has keys that stay pressed',
    killedBy: INPUT,
    replace: () => ({ afterInputOverflow: queue => queue.slice(1) }),
  },
  {
    id: 'block-range-wraps',
    title: 'first block and count are added in 32 bits before they are compared with the end of the disk',
    precedent: 'CVE-2018-2698 (VirtualBox VDMA): unchecked sum of offset and size',
    killedBy: BLOCK,
    replace: () => ({
      isBlockRange: (first, count, total) => BigInt.asUintN(32, first + BigInt(count)) <= BigInt(total),
    }),
  },
  {
    id: 'block-range-off-by-one',
    title: 'the block behind the last one counts as part of the disk',
    precedent: 'CVE-2015-3456 (VENOM): index at the bound of its buffer accepted',
    killedBy: BLOCK,
    replace: () => ({
      isBlockRange: (first, count, total) => first <= BigInt(total) && BigInt(count) <= BigInt(total) - first + 1n,
    }),
  },
  {
    id: 'block-packet-unchecked',
    title: 'more blocks are moved than the packet has room for',
    precedent: 'CVE-2018-3294 (VirtualBox e1000): length of a descriptor not compared with its buffer',
    killedBy: BLOCK,
    replace: () => ({ fitsPacket: () => true }),
  },
  {
    id: 'block-read-only-ignored',
    title: 'a session that may only read writes',
    precedent: 'XSA-142 (CVE-2015-7311): read-only disks of a guest were writeable',
    killedBy: BLOCK,
    replace: () => ({ mayWriteBlocks: () => true }),
  },
  {
    id: 'block-part-ignored',
    title: 'a session that has a part of the disk counts blocks from its start',
    precedent: 'XSA-155 (CVE-2015-8550): block back end trusts what the front end says',
    killedBy: BLOCK,
    replace: () => ({ diskBlock: (_first, block) => block }),
  },
  {
    id: 'file-cut-bytes-return',
    title: 'what was cut off a file is there again when it is extended',
    precedent: 'CVE-2012-4508 (Linux ext4): stale data of a file exposed',
    killedBy: FILES,
    replace: () => ({ clearsCutBytes: () => false }),
  },
  {
    id: 'directory-moved-below-itself',
    title: 'a directory can be moved below itself, where nothing reaches it any longer',
    precedent: 'Linux VFS (s_vfs_rename_mutex): cross-directory renames can make loops',
    killedBy: FILES,
    replace: () => ({ refusesCycle: () => false }),
  },
  {
    id: 'file-read-only-ignored',
    title: 'a handle that was opened for reading can change its file',
    precedent: 'CVE-2022-0847 (Linux, Dirty Pipe): files overwritten by who may only read them',
    killedBy: FILES,
    replace: () => ({ mayWriteFile: (_handle, isSessionWriteable) => isSessionWriteable }),
  },
  {
    id: 'file-append-overwrites',
    title: 'what is appended overwrites the last byte',
    precedent: 'CWE-193: off by one, at the end of a file',
    killedBy: FILES,
    replace: () => ({ appendPlace: sizeBytes => Math.max(0, sizeBytes - 1) }),
  },
  {
    id: 'file-watch-missed',
    title: 'a watcher is not told of a change that came while it was not waiting',
    precedent: 'Genode 42397cb512: lost first wake-up',
    killedBy: FILES,
    replace: () => ({ isUnseen: (version, told) => version > told + 1 }),
  },
  {
    id: 'nic-address-spoofed',
    title: 'a client sends frames with the address of another',
    precedent: 'CWE-290: identity taken from what the sender says',
    killedBy: NETWORK,
    replace: () => ({ mayUseSource: () => true }),
  },
  {
    id: 'nic-frame-echoed',
    title: 'a frame for all also comes back to who sent it',
    precedent: 'CWE-406: a frame that comes back is sent again without end',
    killedBy: NETWORK,
    replace: () => ({ mayReceive: () => true }),
  },
  {
    id: 'nic-unknown-flooded',
    title: 'a frame for an address that nobody has reaches every client',
    precedent: 'CWE-636 (MAC flooding): a switch that does not know an address sends to everybody',
    killedBy: NETWORK,
    replace: () => ({ takesUnknown: () => true }),
  },
  {
    id: 'nic-frames-not-collected',
    title: 'the places of frames that a client has taken are not freed, until its stream is full',
    precedent: 'Genode c02aa759e6: unacknowledged packets fill the stream, the network is stuck',
    killedBy: NETWORK,
    replace: () => ({ collectsFrames: () => false }),
  },
  {
    id: 'framebuffer-refresh-unclipped',
    title: 'a rectangle is refreshed as the client names it',
    precedent: 'CVE-2018-2698 (VirtualBox VDMA): transfer with unchecked offsets relative to VRAM',
    killedBy: SCREEN,
    replace: () => ({ clipped: rect => rect }),
  },
  {
    id: 'framebuffer-blit-outside',
    title: 'the target of a blit is not compared with the buffer',
    precedent: 'CVE-2014-8106 (QEMU Cirrus): blit with an unchecked target region',
    killedBy: SCREEN,
    replace: () => ({ mayBlitTo: () => true }),
  },
  {
    id: 'framebuffer-shows-last-client',
    title: 'the screen of a client that closed is there for the next one',
    precedent: 'CWE-226: what is left in a resource that is used again',
    killedBy: SCREEN,
    replace: () => ({ blanksScreen: () => false }),
  },
  {
    id: 'gui-foreign-view-changed',
    title: 'a client that was given a view of another moves and destroys it',
    precedent: 'CWE-639: an object is reached by whoever knows its number',
    killedBy: GUI,
    replace: () => ({ guiMayChange: () => true }),
  },
  {
    id: 'gui-view-leaves-pixels',
    title: 'what a view showed stays on the screen where it was when it moves or goes',
    precedent: 'CWE-226: what is left in a resource that is used again',
    killedBy: GUI,
    replace: () => ({ guiPaintsBehind: () => false }),
  },
  {
    id: 'gui-keys-to-all',
    title: 'every client gets every key and every move of the pointer',
    precedent: 'CWE-200: as in X11 (XQueryKeymap, XRecord), a client without focus reads the keyboard',
    killedBy: GUI,
    replace: () => ({ guiHears: () => true }),
  },
  {
    id: 'gui-commands-unbounded',
    title: 'as many commands are executed as the client names, also beyond its buffer',
    precedent: 'CVE-2018-3294 (VirtualBox e1000): length of a descriptor not compared with its buffer',
    killedBy: GUI,
    replace: () => ({ guiCommandCount: named => Math.min(named, 100) }),
  },
  {
    id: 'gui-buffer-unpaid',
    title: 'a client gets a buffer of any size, at the cost of the window system',
    precedent: 'Genode c9e8d2ca28: memory that the client does not pay for',
    killedBy: GUI,
    replace: () => ({ guiMayUse: () => true }),
  },
  {
    id: 'thread-priority-inverted',
    title: 'a thread of a lower priority runs before one of a higher',
    precedent: 'Genode 17f3dedad4: priority of a platform thread off by one',
    killedBy: KERNEL,
    replace: () => ({ threadComesFirst: (priority, other) => priority > other }),
  },
  {
    id: 'thread-unpaid',
    title: 'a CPU session makes threads without having what they cost',
    precedent: 'Genode 0c465fbb4d: quota of a session accounted wrongly',
    killedBy: KERNEL,
    replace: () => ({ paysThread: () => true }),
  },
  {
    id: 'thread-goes-on-unresolved',
    title: 'any attachment lets every thread that faulted go on',
    precedent: 'Genode d31492040c: a fault is answered that nobody resolved',
    killedBy: KERNEL,
    replace: () => ({ resumesAfterFault: () => true }),
  },
  {
    id: 'io-port-width-ignored',
    title: 'a wide access reaches ports behind the range of its session',
    precedent: 'CWE-131: only the first byte of an access is compared with its range',
    killedBy: DEVICES,
    replace: () => ({ isPortRange: (port, _size, base, count) => port >= base && port < base + count }),
  },
  {
    id: 'irq-told-before-acknowledged',
    title: 'a driver is told of every interrupt, also before it acknowledged the last one',
    precedent: 'CVE-2015-5307: events delivered without end keep everybody else from running',
    killedBy: DEVICES,
    replace: () => ({ tellsDriver: () => true }),
  },
  {
    id: 'device-range-shared',
    title: 'ports and memory of a device are given to a second driver',
    precedent: 'XSA-36 (CVE-2013-0153): one table of interrupts for the devices of several owners',
    killedBy: DEVICES,
    replace: () => ({ mayGive: () => true }),
  },
];

const regionMapFaults: readonly SeamFault<'genode'>[] = [
  {
    id: 'region-map-read-only-ignored',
    title: 'what was attached for reading can be written',
    precedent: 'XSA-148 (CVE-2015-7835): a flag of a mapping skips the check whether it may be written',
    killedBy: KERNEL,
    replace: ({ regionMap }) => ({ regionMap: { ...regionMap, mayWrite: () => true } }),
  },
  {
    id: 'region-map-inside-itself',
    title: 'a region map can be attached inside of itself',
    precedent: 'CWE-674: a structure that contains itself is followed without end',
    killedBy: KERNEL,
    replace: ({ regionMap }) => ({ regionMap: { ...regionMap, mayNest: () => true } }),
  },
];

/** Defects of the services that components provide to each other. */
export const SERVICE_FAULTS: readonly Fault[] = seamFaults('genode', [
  ...regionMapFaults,
  ...faults.map(({ replace, ...facts }) => ({
    ...facts,
    replace: (ops: GenodeOps) => ({ service: { ...ops.service, ...replace(ops.service) } }),
  })),
]);
