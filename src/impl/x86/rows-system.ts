import { type RowDraft, type RowOptions, row, type Semantics } from './row.ts';
import { pushFlagImage } from './rows-move.ts';
import { TRANSCRIPTS } from './transcripts.ts';

/** Instructions whose meaning is a helper in TypeScript, shared by all tiers. */
const helper =
  (name: string): Semantics =>
  b =>
    b.helper(name);

const nothing: Semantics = () => {};

const system = (privilege: 'user' | 'cpl0' | 'iopl' | 'special', ...exceptions: string[]): RowOptions => ({
  class: 'system',
  privilege,
  exceptions,
});
const kernel = system('cpl0', '#GP');
const open = system('user');
const gate = system('special', '#GP', '#NP', '#SS', '#TS');
const io = system('iopl', '#GP');
const vmx = system('cpl0', '#UD', '#GP');

/** Far transfers, interrupts, segment loads. */
const transferRows: readonly RowDraft[] = [
  row('9A', 'call', 'Av', helper('callFarDirect'), { ...gate, modes: '32' }),
  row('EA', 'jmp', 'Av', helper('jumpFarDirect'), { ...gate, modes: '32' }),
  row('FF /3', 'call', 'Mv', helper('callFar'), gate),
  row('FF /5', 'jmp', 'Mv', helper('jumpFar'), gate),
  row('CA', 'retf', 'Iw', helper('returnFar'), { ...gate, isSized: true }),
  row('CB', 'retf', '', helper('returnFar'), { ...gate, isSized: true }),
  row('CC', 'int3', '', helper('breakpoint'), gate),
  row('CD', 'int', 'Ib', helper('softwareInterrupt'), gate),
  row('CE', 'into', '', helper('overflowTrap'), { ...gate, modes: '32' }),
  row('F1', 'int1', '', helper('debugTrap'), gate),
  row('CF', ['iret', 'iretd', 'iretq'], '', helper('interruptReturn'), { ...gate, isSized: true }),
  row('0F 05', 'syscall', '', helper('syscall'), { ...system('user', '#UD'), feature: 'syscall', modes: '64' }),
  row('0F 07', ['sysret', 'sysret', 'sysretq'], '', helper('sysret'), {
    ...system('cpl0', '#UD', '#GP'),
    feature: 'syscall',
    isSized: true,
    modes: '64',
  }),
  row('0F 34', 'sysenter', '', helper('sysenter'), { ...system('user', '#GP'), feature: 'sep' }),
  row('0F 35', ['sysexit', 'sysexit', 'sysexitq'], '', helper('sysexit'), { ...kernel, feature: 'sep', isSized: true }),
  row('8C /r', 'mov', 'Ev,S', helper('storeSegment'), open),
  row('8E /r', 'mov', 'S,Ev', helper('loadSegment'), gate),
  row('C4 /r', 'les', 'Gv,Mv', helper('loadFarPointer'), { ...gate, modes: '32' }),
  row('C5 /r', 'lds', 'Gv,Mv', helper('loadFarPointer'), { ...gate, modes: '32' }),
  row('0F B2 /r', 'lss', 'Gv,Mv', helper('loadFarPointer'), gate),
  row('0F B4 /r', 'lfs', 'Gv,Mv', helper('loadFarPointer'), gate),
  row('0F B5 /r', 'lgs', 'Gv,Mv', helper('loadFarPointer'), gate),
  ...(
    [
      ['06', 0],
      ['0E', 1],
      ['16', 2],
      ['1E', 3],
    ] as const
  ).map(([opcode]) => row(opcode, 'push', '', helper('pushSegment'), { ...open, modes: '32', isSized: true })),
  ...['07', '17', '1F'].map(opcode =>
    row(opcode, 'pop', '', helper('popSegment'), { ...gate, modes: '32', isSized: true }),
  ),
  ...['0F A0', '0F A8'].map(opcode =>
    row(opcode, 'push', '', helper('pushSegment'), { ...open, size64: 'default64', isSized: true }),
  ),
  ...['0F A1', '0F A9'].map(opcode =>
    row(opcode, 'pop', '', helper('popSegment'), { ...gate, size64: 'default64', isSized: true }),
  ),
  row('C8', 'enter', 'Iw,Ib', helper('enter'), { size64: 'default64', isSized: true }),
];

/** Flags that matter to the system, descriptor tables, control registers. */
const controlRows: readonly RowDraft[] = [
  row('9C', ['pushf', 'pushfd', 'pushfq'], '', pushFlagImage, { size64: 'default64', isSized: true }),
  row('9D', ['popf', 'popfd', 'popfq'], '', helper('popFlags'), { ...open, size64: 'default64', isSized: true }),
  row('FA', 'cli', '', helper('clearInterrupts'), io),
  row('FB', 'sti', '', helper('setInterrupts'), io),
  row('F4', 'hlt', '', helper('halt'), kernel),
  row('0F 00 /0', 'sldt', 'Ev', helper('storeSystemSegment'), open),
  row('0F 00 /1', 'str', 'Ev', helper('storeSystemSegment'), open),
  row('0F 00 /2', 'lldt', 'Ew', helper('loadLocalTable'), gate),
  row('0F 00 /3', 'ltr', 'Ew', helper('loadTask'), gate),
  row('0F 00 /4', 'verr', 'Ew', helper('verify'), open),
  row('0F 00 /5', 'verw', 'Ew', helper('verify'), open),
  row('0F 02 /r', 'lar', 'Gv,Ev', helper('loadRights'), open),
  row('0F 03 /r', 'lsl', 'Gv,Ev', helper('loadLimit'), open),
  row('0F 01 /0', 'sgdt', 'M', helper('storeTable'), open),
  row('0F 01 /1', 'sidt', 'M', helper('storeTable'), open),
  row('0F 01 /2', 'lgdt', 'M', helper('loadTable'), kernel),
  row('0F 01 /3', 'lidt', 'M', helper('loadTable'), kernel),
  row('0F 01 /4', 'smsw', 'Ev', helper('storeMachineStatus'), open),
  row('0F 01 /6', 'lmsw', 'Ew', helper('loadMachineStatus'), kernel),
  row('0F 01 /7', 'invlpg', 'M', helper('invalidatePage'), kernel),
  row('66 0F38 82 /r', 'invpcid', 'Gn,M', helper('invalidateContext'), { ...kernel, feature: 'invpcid' }),
  row('NP 0F 01 mod=D0', 'xgetbv', '', helper('readXcr'), { ...system('user', '#UD', '#GP'), feature: 'xsave' }),
  row('NP 0F 01 mod=D1', 'xsetbv', '', helper('writeXcr'), { ...system('cpl0', '#UD', '#GP'), feature: 'xsave' }),
  ...(
    [
      ['4', 'xsave', 'saveState'],
      ['5', 'xrstor', 'restoreState'],
    ] as const
  ).map(([digit, name, called]) =>
    row(`NP 0F AE /${digit}`, [name, name, `${name}64`], 'M', helper(called), {
      ...system('user', '#UD', '#NM', '#GP'),
      feature: 'xsave',
      isSized: true,
    }),
  ),
  row('NP 0F 01 mod=CA', 'clac', '', helper('clearAc'), { ...system('cpl0', '#UD'), feature: 'smap' }),
  row('NP 0F 01 mod=CB', 'stac', '', helper('setAc'), { ...system('cpl0', '#UD'), feature: 'smap' }),
  row('0F 01 mod=F8', 'swapgs', '', helper('swapGs'), { ...kernel, modes: '64' }),
  row('0F 01 mod=F9', 'rdtscp', '', helper('readTscAndAux'), { ...system('special', '#GP'), feature: 'rdtscp' }),
  row('0F 06', 'clts', '', helper('clearTaskSwitched'), kernel),
  row('0F 08', 'invd', '', helper('invalidateCaches'), kernel),
  row('0F 09', 'wbinvd', '', helper('invalidateCaches'), kernel),
  row('0F 20 /r', 'mov', 'Rn,C', helper('readControl'), { ...kernel, form: 'reg' }),
  row('0F 22 /r', 'mov', 'C,Rn', helper('writeControl'), { ...kernel, form: 'reg' }),
  row('0F 21 /r', 'mov', 'Rn,D', helper('readDebug'), { ...system('cpl0', '#GP', '#UD', '#DB'), form: 'reg' }),
  row('0F 23 /r', 'mov', 'D,Rn', helper('writeDebug'), { ...system('cpl0', '#GP', '#UD', '#DB'), form: 'reg' }),
  row('0F 30', 'wrmsr', '', helper('writeMsr'), { ...kernel, feature: 'msr' }),
  row('0F 32', 'rdmsr', '', helper('readMsr'), { ...kernel, feature: 'msr' }),
  row('0F 31', 'rdtsc', '', helper('readTsc'), { ...system('special', '#GP'), feature: 'tsc' }),
  row('0F 33', 'rdpmc', '', helper('readCounter'), system('special', '#GP')),
  row('0F A2', 'cpuid', '', helper('cpuid'), open),
  ...(
    [
      ['0', 'rdfsbase', 'readSegmentBase'],
      ['1', 'rdgsbase', 'readSegmentBase'],
      ['2', 'wrfsbase', 'writeSegmentBase'],
      ['3', 'wrgsbase', 'writeSegmentBase'],
    ] as const
  ).map(([digit, name, called]) =>
    row(`F3 0F AE /${digit}`, name, 'Ry', helper(called), {
      ...system('user', '#UD', '#GP'),
      modes: '64',
      feature: 'fsgsbase',
    }),
  ),
  row('63 /r', 'arpl', 'Ew,Gw', helper('adjustRpl'), { ...open, modes: '32' }),
];

/** Ports. */
const portRows: readonly RowDraft[] = [
  row('E4', 'in', 'ab,Ib', helper('portIn'), io),
  row('E5', 'in', 'az,Ib', helper('portIn'), io),
  row('E6', 'out', 'Ib,ab', helper('portOut'), io),
  row('E7', 'out', 'Ib,az', helper('portOut'), io),
  row('EC', 'in', 'ab,d', helper('portIn'), io),
  row('ED', 'in', 'az,d', helper('portIn'), io),
  row('EE', 'out', 'd,ab', helper('portOut'), io),
  row('EF', 'out', 'd,az', helper('portOut'), io),
  row('6C', 'insb', '', helper('portInString'), { ...io, isString: true }),
  row('6D', ['insw', 'insd', 'insd'], '', helper('portInString'), { ...io, isString: true, isSized: true }),
  row('6E', 'outsb', '', helper('portOutString'), { ...io, isString: true }),
  row('6F', ['outsw', 'outsd', 'outsd'], '', helper('portOutString'), { ...io, isString: true, isSized: true }),
];

/** VMX: executed by the hook. */
const vmxRows: readonly RowDraft[] = (
  [
    ['NP 0F 01 mod=C1', 'vmcall', ''],
    ['NP 0F 01 mod=C2', 'vmlaunch', ''],
    ['NP 0F 01 mod=C3', 'vmresume', ''],
    ['NP 0F 01 mod=C4', 'vmxoff', ''],
    ['NP 0F 01 mod=D4', 'vmfunc', ''],
    ['NP 0F C7 /6', 'vmptrld', 'Mq'],
    ['NP 0F C7 /7', 'vmptrst', 'Mq'],
    ['66 0F C7 /6', 'vmclear', 'Mq'],
    ['F3 0F C7 /6', 'vmxon', 'Mq'],
    ['NP 0F 78 /r', 'vmread', 'En,Gn'],
    ['NP 0F 79 /r', 'vmwrite', 'Gn,En'],
    ['66 0F38 80 /r', 'invept', 'Gn,M'],
    ['66 0F38 81 /r', 'invvpid', 'Gn,M'],
  ] as const
).map(([encoding, name, operands]) => row(encoding, name, operands, helper('vmx'), { ...vmx, feature: 'vmx' }));

/** Hints and fences, which do nothing here: memory is strongly ordered and has no cache. */
const hintRows: readonly RowDraft[] = [
  row('NP 0F 01 mod=C8', 'monitor', '', helper('monitor'), {
    ...system('cpl0', '#UD', '#GP'),
    feature: 'monitor',
    usesDataSegment: true,
  }),
  row('NP 0F 01 mod=C9', 'mwait', '', helper('mwait'), { ...system('cpl0', '#UD', '#GP'), feature: 'monitor' }),
  row('F3 90', 'pause', '', helper('pause'), open),
  row('0F 0B', 'ud2', '', b => b.fault(6), { exceptions: ['#UD'] }),
  row('0F B9 /r', 'ud1', 'Gv,Ev', b => b.fault(6), { exceptions: ['#UD'] }),
  row('0F FF /r', 'ud0', 'Gv,Ev', b => b.fault(6), { exceptions: ['#UD'] }),
  row('NP 0F AE /5', 'lfence', '', nothing, { form: 'reg', feature: 'sse2' }),
  row('NP 0F AE /6', 'mfence', '', nothing, { form: 'reg', feature: 'sse2' }),
  row('NP 0F AE /7', 'sfence', '', nothing, { form: 'reg', feature: 'sse' }),
  row('NP 0F AE /7', 'clflush', 'Mb', b => void b.read(0), { feature: 'clflush' }),
  row('F3 0F 1E mod=FA', 'endbr64', '', nothing),
  row('F3 0F 1E mod=FB', 'endbr32', '', nothing),
  row('0F 0D /0', 'prefetch', 'Mb', nothing, { feature: 'prefetchw' }),
  row('0F 0D /1', 'prefetchw', 'Mb', nothing, { feature: 'prefetchw' }),
  row('0F 18 /0', 'prefetchnta', 'Mb', nothing, { feature: 'sse' }),
  row('0F 18 /1', 'prefetcht0', 'Mb', nothing, { feature: 'sse' }),
  row('0F 18 /2', 'prefetcht1', 'Mb', nothing, { feature: 'sse' }),
  row('0F 18 /3', 'prefetcht2', 'Mb', nothing, { feature: 'sse' }),
];

/** Instructions with system meaning. */
export const SYSTEM_ROWS: readonly RowDraft[] = [
  ...transferRows,
  ...controlRows,
  ...portRows,
  ...vmxRows,
  ...hintRows,
].map(draft => ({ ...draft, transcripts: TRANSCRIPTS[draft.encoding] ?? [] }));
