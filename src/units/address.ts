import type { Brand } from './brand.ts';

/** Host-physical byte address, 0 .. 2^52-1 (SDM Vol. 1, "Physical and Virtual Address Size": MAXPHYADDR <= 52). */
export type Hpa = Brand<'Hpa'>;
/** Guest-physical byte address, 0 .. 2^52-1; the input of an EPT walk (SDM Vol. 3C, "The Extended Page Table Mechanism"). */
export type Gpa = Brand<'Gpa'>;
/**
 * Address as a subject uses it, 0 .. 2^52-1: guest-physical for VM subjects (EPT), linear for native ones (IA-32e).
 * Translation through the subject's own tables is the only way from it to an Hpa.
 */
export type SubjectAddress = Brand<'SubjectAddress'>;
/** Host-physical frame number: Hpa / 4096. */
export type FrameNumber = Brand<'FrameNumber'>;

/** Bytes in a page and in a frame. */
export const PAGE_SIZE_BYTES = 0x1000;
/** Smallest integer above every physical address. */
export const PHYSICAL_LIMIT = 2 ** 52;

export const hpa = (value: number): Hpa => value as Hpa;
export const gpa = (value: number): Gpa => value as Gpa;
export const subjectAddress = (value: number): SubjectAddress => value as SubjectAddress;
export const frameNumber = (value: number): FrameNumber => value as FrameNumber;

/** Frame that holds `address`. */
export const frameOf = (address: Hpa): FrameNumber => Math.floor(address / PAGE_SIZE_BYTES) as FrameNumber;
/** First byte of `frame`. */
export const frameBase = (frame: FrameNumber): Hpa => (frame * PAGE_SIZE_BYTES) as Hpa;
/** Offset of `address` in its page, 0 .. 4095. */
export const pageOffset = (address: number): number => address % PAGE_SIZE_BYTES;
/** `address` rounded down to a page boundary. */
export const pageBase = (address: number): number => address - (address % PAGE_SIZE_BYTES);

/** Formats an address as 0x0000_0001_4000_0000: at least eight digits, groups of four. */
export function formatAddress(address: number): string {
  const digits = address.toString(16);
  const padded = digits.padStart(Math.max(8, Math.ceil(digits.length / 4) * 4), '0');
  return `0x${padded.replace(/(?<=.)(?=(....)+$)/g, '_')}`;
}
