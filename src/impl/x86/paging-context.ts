import type { CpuState } from './cpu-state.ts';
import { Cr0, Cr4, Efer, Field } from './state-layout.ts';

export const PagingMode = { none: 0, legacy: 1, pae: 2, fourLevel: 3 } as const;

/** Physical-address width that CPUID announces (MAXPHYADDR). */
export const PHYSICAL_ADDRESS_BITS = 46;

/** What paging depends on, as plain values: derived from CR0, CR3, CR4 and EFER. */
export interface PagingContext {
  readonly mode: number;
  /** Physical address of the root table. */
  readonly root: number;
  readonly isWriteProtect: boolean;
  readonly hasNoExecute: boolean;
  readonly hasGlobal: boolean;
  readonly hasLargePages: boolean;
  readonly isSmep: boolean;
  readonly isSmap: boolean;
}

/** Reads the paging context from the state (SDM Vol. 3A, "Paging Modes and Control Bits"). */
export function pagingContext(state: CpuState): PagingContext {
  const cr0 = state.u32(Field.cr0);
  const cr4 = state.u32(Field.cr4);
  const efer = state.u32(Field.efer);
  const mode =
    (cr0 & Cr0.pg) === 0
      ? PagingMode.none
      : (cr4 & Cr4.pae) === 0
        ? PagingMode.legacy
        : (efer & Efer.lma) === 0
          ? PagingMode.pae
          : PagingMode.fourLevel;
  const low = state.u32(Field.cr3);
  const root =
    mode === PagingMode.fourLevel
      ? (state.u32(Field.cr3 + 4) & 0xf_ffff) * 2 ** 32 + ((low & 0xffff_f000) >>> 0)
      : (low & (mode === PagingMode.pae ? 0xffff_ffe0 : 0xffff_f000)) >>> 0;
  return {
    mode,
    root,
    isWriteProtect: (cr0 & Cr0.wp) !== 0,
    hasNoExecute: (efer & Efer.nxe) !== 0,
    hasGlobal: (cr4 & Cr4.pge) !== 0,
    hasLargePages: (cr4 & Cr4.pse) !== 0,
    isSmep: (cr4 & Cr4.smep) !== 0,
    isSmap: (cr4 & Cr4.smap) !== 0,
  };
}

/** True if paging works differently under the two contexts, so that cached translations are void. */
export const changesTranslation = (a: PagingContext, b: PagingContext): boolean =>
  a.mode !== b.mode ||
  a.root !== b.root ||
  a.isWriteProtect !== b.isWriteProtect ||
  a.hasNoExecute !== b.hasNoExecute ||
  a.hasGlobal !== b.hasGlobal ||
  a.hasLargePages !== b.hasLargePages ||
  a.isSmep !== b.isSmep ||
  a.isSmap !== b.isSmap;
