// Prices of tools, in whole credits. A price is data: shown in the catalog, before a confirmation
// and by `explain`, and covered by the tool's digest.

/** Credits of one call: the same for each, or chosen by the value of one argument. */
export type Price = number | ChoicePrice;

/** Every choice of the argument `by` has a price, or the tool does not compile. */
export interface ChoicePrice {
  readonly by: string;
  readonly credits: Readonly<Record<string, number>>;
}

/** The choices that an argument offers; `never` for one that is no list of choices. */
export type Choices<Value> = Value extends string ? (string extends Value ? never : Value) : never;

/** The prices that a tool of this parsed input may have. */
export type PriceOf<Input> =
  | number
  | { [Name in keyof Input & string]: PriceBy<Name, Input[Name]> }[keyof Input & string];

type PriceBy<Name, Value> = [Choices<Value>] extends [never]
  ? never
  : { readonly by: Name; readonly credits: { readonly [Choice in Choices<Value>]: number } };

/**
 * The credits of a call with this parsed input. Throws for a choice without a price, which no
 * declaration that compiles has: a call is never free by mistake.
 */
export function creditsOf(price: Price, input: object): number {
  if (typeof price === "number") return price;
  const choice = String((input as Readonly<Record<string, unknown>>)[price.by]);
  const credits = Object.hasOwn(price.credits, choice) ? price.credits[choice] : undefined;
  if (credits === undefined) throw new Error(`No price for ${price.by} ${choice}.`);
  return credits;
}

/** True if some call costs credits. */
export function isPaid(price: Price): boolean {
  return pricesOf(price).some((credits) => credits > 0);
}

/** True for whole credits, none of them negative. */
export function isPrice(price: unknown): price is Price {
  if (typeof price === "number") return Number.isSafeInteger(price) && price >= 0;
  if (typeof price !== "object" || price === null || !("credits" in price)) return false;
  const prices = Object.values(price.credits as object);
  return prices.length > 0 && prices.every((credits) => typeof credits === "number" && isPrice(credits));
}

/** "0", "2", or "draft 1, premium 3". */
export function describePrice(price: Price): string {
  if (typeof price === "number") return String(price);
  return Object.entries(price.credits)
    .map(([choice, credits]) => `${choice} ${credits}`)
    .join(", ");
}

/** "1 credit", "3 credits". */
export function creditCount(credits: number): string {
  return `${credits} ${credits === 1 ? "credit" : "credits"}`;
}

function pricesOf(price: Price): readonly number[] {
  return typeof price === "number" ? [price] : Object.values(price.credits);
}
