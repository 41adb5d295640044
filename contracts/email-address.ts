// The spelling of e-mail addresses that the gateway and the auth Worker compare. A browser sends a
// domain as typed (`bücher.example`) or as its A-labels (`xn--bcher-kva.example`, RFC 5890).

/** Characters that would be more than a host in a URL. */
const NOT_A_DOMAIN = /[\s/?#@:\\%[\]]/;

/**
 * One spelling for one address: NFC and lower case, the domain as A-labels without a trailing dot.
 * Changes nothing else, and nothing in a domain that is not valid.
 */
export function canonicalEmail(text: string): string {
  const address = text.normalize("NFC").toLowerCase();
  const at = address.lastIndexOf("@") + 1;
  return address.slice(0, at) + canonicalDomain(address.slice(at));
}

function canonicalDomain(domain: string): string {
  const host = NOT_A_DOMAIN.test(domain) ? undefined : URL.parse(`http://${domain}`)?.hostname;
  // A URL reads numbers as an IPv4 address, which is not a domain.
  return (host === undefined || /^[\d.]+$/.test(host) ? domain : host).replace(/\.$/, "");
}
