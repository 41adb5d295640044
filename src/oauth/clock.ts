// Time as OAuth and JWT count it: whole seconds since the Unix epoch (NumericDate of RFC 7519).

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
