/** Meaning of a piece of text; a terminal may colour it, but the words alone say it all. */
export type Tone = 'good' | 'bad' | 'warn' | 'dim' | 'strong';

/** Gives a piece of text its colour, or returns it unchanged. */
export type Paint = (tone: Tone, text: string) => string;

/** Leaves text without colour. */
export const plainPaint: Paint = (_tone, text) => text;
