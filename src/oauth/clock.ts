// Time as OAuth and JWT count it: whole seconds since the Unix epoch (NumericDate, RFC 7519 section
// 2).

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
