import { changesTranslation, type PagingContext } from './paging-context.ts';
import { TLB_CONTEXT_BYTES, TLB_CONTEXTS } from './tlb-layout.ts';

/** What cached translations are tagged with besides the linear address (SDM Vol. 3A, "Process-Context Identifiers"; Vol. 3C, "Caching Translation Information"). */
export interface TranslationTag {
  /** 0 outside of VMX non-root operation, and in it without VPIDs. */
  readonly vpid: number;
  /** 0 without CR4.PCIDE. */
  readonly pcid: number;
  /** EPT pointer, bits 51:12; 0 without EPT. */
  readonly ept: number;
}

/** A part of the translation cache that belongs to one tag. */
export interface TagContext {
  /** Byte offset in the translation cache. */
  readonly offset: number;
  vpid: number;
  pcid: number;
  ept: number;
  /** What the translations were made under; undefined while there are none. */
  paging: PagingContext | undefined;
  lastUse: number;
}

/** Which tag each part of the translation cache belongs to. */
export class TranslationTags {
  readonly contexts: readonly TagContext[] = Array.from({ length: TLB_CONTEXTS }, (_, index) => ({
    offset: index * TLB_CONTEXT_BYTES,
    vpid: 0,
    pcid: 0,
    ept: 0,
    paging: undefined,
    lastUse: 0,
  }));
  current: TagContext = this.contexts[0]!;
  readonly #flush: (context: TagContext) => void;
  #clock = 0;

  /** `flush` drops all translations of a context. */
  constructor(flush: (context: TagContext) => void) {
    this.#flush = flush;
  }

  /** Makes the context of a tag the current one; its translations stay if they were made under the same paging. */
  select(vpid: number, pcid: number, ept: number, paging: PagingContext): void {
    const { current } = this;
    if (current.vpid !== vpid || current.pcid !== pcid || current.ept !== ept) this.#change(vpid, pcid, ept);
    const chosen = this.current;
    if (chosen.paging !== undefined && changesTranslation(chosen.paging, paging)) this.#flush(chosen);
    chosen.paging = paging;
  }

  #change(vpid: number, pcid: number, ept: number): void {
    this.#clock += 1;
    this.current.lastUse = this.#clock;
    const known = this.contexts.find(one => one.vpid === vpid && one.pcid === pcid && one.ept === ept);
    if (known !== undefined) {
      this.current = known;
      return;
    }
    const oldest = this.contexts.reduce((best, one) => (one.lastUse < best.lastUse ? one : best));
    this.#flush(oldest);
    oldest.vpid = vpid;
    oldest.pcid = pcid;
    oldest.ept = ept;
    this.current = oldest;
  }

  /** Contexts that an invalidation reaches. */
  matching(isReached: (tag: TranslationTag) => boolean): readonly TagContext[] {
    return this.contexts.filter(isReached);
  }
}
