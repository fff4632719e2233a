/** Six bytes of an Ethernet address. */
export type Mac = readonly number[];

/** Destination, source and type. */
export const ETHERNET_HEADER_BYTES = 14;
/** Longest frame, as the stock packet allocator of Nic sessions has room for. */
export const MAX_FRAME_BYTES = 1600;

/** Reads `02:02:02:02:02:00`; undefined if the text is no address. */
export function readMac(text: string): Mac | undefined {
  if (!/^[0-9a-fA-F]{1,2}(:[0-9a-fA-F]{1,2}){5}$/.test(text)) return undefined;
  return text.split(':').map(part => Number.parseInt(part, 16));
}

export const macText = (mac: Mac): string => mac.map(byte => byte.toString(16).padStart(2, '0')).join(':');

/** True for an address of one station, which may be the source of frames. */
export const isUnicast = (mac: Mac): boolean => (mac[0]! & 1) === 0;

/** Addresses of a frame that is long enough to have them. */
export const destinationOf = (frame: Uint8Array): Mac => [...frame.subarray(0, 6)];
export const sourceOf = (frame: Uint8Array): Mac => [...frame.subarray(6, 12)];

export const sameMac = (a: Mac, b: Mac): boolean => a.every((byte, index) => byte === b[index]);
