declare const brand: unique symbol;

/** A number that the type checker keeps apart from numbers with another meaning. */
export type Brand<Name extends string> = number & { readonly [brand]: Name };
